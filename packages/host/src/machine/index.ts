/**
 * What both daemons need of the machine they run on, in any thread. Knows nothing of roots, sequences or messages.
 * Things that only a main thread needs are in `../daemon`, so that threads of roots need not load them.
 */
export * from './accounts.ts'
export * from './backoff.ts'
export * from './boot-id.ts'
export * from './borders.ts'
export * from './collect-garbage.ts'
export * from './confined-directories.ts'
export * from './durable-file.ts'
export * from './failure.ts'
export * from './file-lock.ts'
export * from './free-memory.ts'
export * from './idle-collector.ts'
export * from './kind-of.ts'
export * from './make-directories.ts'
export * from './open-flags.ts'
export * from './placement.ts'
export * from './printable.ts'
export * from './refusal.ts'
export * from './remove-tree.ts'
export * from './restarted-worker.ts'
export * from './sqlite-errors.ts'
