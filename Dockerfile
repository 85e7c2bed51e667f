# The image of every role: serve --role all|api|worker|scheduler, migrate, token, healthcheck.
#   docker build -t posthorn .
#   docker run --rm -p 8071:8071 --read-only -e DATABASE_URL=postgres://... -e JWT_SECRET=... -e MAIN_SECRET=... posthorn
ARG NODE_IMAGE=node:24-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=optional --no-audit --no-fund --loglevel=error
COPY . .
RUN npm run --silent build \
  && rm -rf dist/bench dist/scripts dist/test dist/.build-stamp dist/.tsbuildinfo

# The optional packages are the binaries of the embedded PostgreSQL and native speed-ups that have a JavaScript
# equivalent. Without them the image runs on your PostgreSQL only, holds no native code but Node, and is much smaller.
FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --no-audit --no-fund --loglevel=error \
  && find node_modules -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' \) -delete

FROM ${NODE_IMAGE}
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="Posthorn" \
  org.opencontainers.image.description="Self-hosted webhook sending, compatible with the Svix API and Standard Webhooks" \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.created="${CREATED}" \
  org.opencontainers.image.source="${SOURCE}"

ENV NODE_ENV=production \
  LISTEN_ADDRESS=0.0.0.0:8071 \
  LOG_FORMAT=json \
  DATA_DIR=/var/lib/posthorn

WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY bin bin
COPY package.json LICENSE ./

# Used only where JWT_SECRET or MAIN_SECRET is not set: keep it then. With both set nothing is written anywhere, and the
# root file system may be read-only.
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/posthorn

# A number, so that Kubernetes can tell that it is not root; it needs no entry in /etc/passwd.
USER 10001:10001
EXPOSE 8071
STOPSIGNAL SIGTERM
# It starts a Node of its own, which costs about a second of CPU: hence not more often.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
  CMD ["node", "bin/posthorn.js", "healthcheck"]

# No init: Node is process 1, takes the signals itself and starts no other programs.
ENTRYPOINT ["node", "bin/posthorn.js"]
CMD ["serve"]
