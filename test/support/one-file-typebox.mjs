/**
 * To be preloaded into test processes (NODE_OPTIONS=--import): TypeBox comes from the one file that `bundle-typebox.ts`
 * made. The code is the same; what is tested is started three times as fast. Knows nothing of the product.
 */
import { existsSync } from 'node:fs'
import * as module from 'node:module'

const BUNDLES = new URL('../../node_modules/.cache/bundles/', import.meta.url)
const BUNDLED = { typebox: 'typebox.mjs', 'typebox/compile': 'typebox-compile.mjs' }

// The Node that a machine has, under which tests run `npm start` as users do, may be too old for hooks.
if (module.registerHooks !== undefined && existsSync(BUNDLES)) {
  module.registerHooks({
    resolve: (specifier, context, next) => {
      const file = BUNDLED[specifier]
      return file === undefined ? next(specifier, context) : { url: new URL(file, BUNDLES).href, shortCircuit: true }
    },
  })
}
