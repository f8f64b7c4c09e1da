/**
 * Modules that the code of others asks for and no daemon uses. A bundle has a stand-in for each, which fails where it is
 * used after all: a daemon need not load them when it starts.
 */
import type { Plugin } from 'esbuild'

const STAND_INS: Readonly<Record<string, string>> = {
  // With it fastify looks whether a plugin is made for its version, which the lock file has settled.
  semver: 'exports.satisfies = () => true',
  // The limit of requests counts networks with it, unless it is told what to count, as ours is.
  'ip-address': 'module.exports = {}',
  // The metrics of a process name the span in which they were counted, if they are told to, and we have no spans.
  '@opentelemetry/api': 'module.exports = {}',
  // What makes the API's description from its schemas could say what it does.
  debug: 'module.exports = () => () => undefined',
  // fastify's, for listeners that none of ours is, for requests without a socket, and for schemas that it would compile.
  'node:http2': 'module.exports = {}',
  'light-my-request': 'module.exports = {}',
  '@fastify/ajv-compiler': 'module.exports = {}',
  '@fastify/fast-json-stringify-compiler': 'module.exports = {}',
}

export const UNUSED_MODULES: Plugin = {
  name: 'unused-modules',
  setup: ({ onResolve, onLoad }) => {
    const filter = new RegExp(`^(?:${Object.keys(STAND_INS).join('|')})$`)
    onResolve({ filter }, ({ path }) => ({ path, namespace: 'unused' }))
    onLoad({ filter: /^/, namespace: 'unused' }, ({ path }) => ({ contents: STAND_INS[path] ?? '' }))
  },
}
