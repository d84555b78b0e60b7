# The worker, and every other command: docker run … IMAGE status BATCH. Node is the entry point: it is process 1 or the
# child of a plain init, so that SIGTERM reaches it; npm would stand in between.
# Tag and digest together: the digest is what is pulled, the tag says to people what it is.
ARG NODE_IMAGE=node:24.19.0-bookworm-slim@sha256:a9f5f7c91a432850b2a8a7797adf5eadb6c733ceed61167806cee7ea7fbc29df

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --include=dev
COPY tsconfig.json ./
COPY scripts/build.mjs scripts/
COPY scripts/setup/child-env.mjs scripts/setup/
COPY src src
RUN node scripts/build.mjs

FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

FROM ${NODE_IMAGE}
# glibc would keep an arena of memory for each of libvips' threads: 2 take 20 % off a render child's peak.
ENV NODE_ENV=production MALLOC_ARENA_MAX=2
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json ./
COPY presets presets
COPY recipes recipes
# The official image's own user, uid 1000. Nothing under /app belongs to it.
USER node
ENTRYPOINT ["node", "dist/cli/main.js"]
CMD ["worker"]
