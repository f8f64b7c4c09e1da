/**
 * How a program of a daemon gets Node's own modules.
 *
 * An `import` of one makes Node load all that it exports, its HTTP's whole client among it, and a `require` made by
 * `createRequire` costs a file more in every thread: together an eighth of the processor time until an agent has loaded
 * its code. So each module is asked of Node once, and gives only the exports that the program uses. What starts processes
 * is asked for with the first process: most threads start none, and would load HTTP's sockets with it.
 */
import { isBuiltin } from 'node:module'
import type { Plugin } from 'esbuild'

/** For CommonJS code, which may try to load a module that is not there and go on without. */
export const REQUIRE = `const require = (name) => {
  const found = process.getBuiltinModule(name)
  if (found === undefined) throw Object.assign(new Error('there is no module ' + name), { code: 'MODULE_NOT_FOUND' })
  return found
}`

export const BUILTIN_MODULES: Plugin = {
  name: 'builtin-modules',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^node:/ }, ({ kind, path }) =>
      kind === 'import-statement' && isBuiltin(path) ? { path, namespace: 'builtin', sideEffects: false } : null,
    )
    onLoad({ filter: /^/, namespace: 'builtin' }, ({ path }) => ({ contents: moduleOf(path) }))
  },
}

/** All that is used of it are functions. */
const LATE = 'node:child_process'

/** Exports that nothing imports are left out with their reads. */
function moduleOf(path: string): string {
  const names = Object.keys(process.getBuiltinModule(path) ?? {}).filter((name) => name !== 'default')
  return [
    `const builtin = ${path === LATE ? lateFunctions(names) : `process.getBuiltinModule('${path}')`}`,
    'const read = (name) => builtin[name]',
    ...names.map((name) => `const ${name}_ = /* @__PURE__ */ read('${name}')`),
    `export { ${names.map((name) => `${name}_ as ${name}`).join(', ')} }`,
    'export default builtin',
  ].join('\n')
}

/** `promisify` takes another function for some of them, which is asked for as late. */
function lateFunctions(names: readonly string[]): string {
  return `Object.fromEntries(${JSON.stringify(names)}.map((name) => {
    const custom = Symbol.for('nodejs.util.promisify.custom')
    const found = () => process.getBuiltinModule('${LATE}')[name]
    return [name, Object.assign((...given) => found()(...given), { [custom]: (...given) => found()[custom](...given) })]
  }))`
}
