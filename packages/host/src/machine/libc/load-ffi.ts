/**
 * node:ffi of this runtime, or the reason why there is none.
 *
 * The module is experimental, and Node says so on stderr in every thread that loads it. That does not belong into a
 * daemon's log, and only this way keeps it out at every start: an option of the command line is lost with `node
 * main.js` and costs a second process in a wrapper, NODE_OPTIONS reaches hooks, and a worker's execArgv does not help
 * the main thread. So `process.emitWarning` is put aside for this one synchronous call. If a later runtime warns in
 * another way, the warning appears again, and nothing else happens.
 */
export type Ffi = typeof import('node:ffi')

export function loadFfi(): { ffi: Ffi; fault: null } | { ffi: null; fault: string } {
  const { emitWarning } = process
  process.emitWarning = () => undefined
  try {
    const ffi = process.getBuiltinModule('node:ffi')
    return ffi === undefined ? { ffi: null, fault: 'this runtime has no node:ffi' } : { ffi, fault: null }
  } catch (error) {
    return {
      ffi: null,
      fault: `node:ffi of this runtime does not load (${error instanceof Error ? error.message : error})`,
    }
  } finally {
    process.emitWarning = emitWarning
  }
}
