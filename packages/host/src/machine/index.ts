/**
 * What both daemons need of the machine they run on, in each of their threads. Knows nothing of roots, sequences or
 * messages. What only a process's main thread needs is in `../daemon`: threads of roots need not load it.
 */
export * from './accounts.ts'
export * from './borders.ts'
export * from './collect-garbage.ts'
export * from './confined-directories.ts'
export * from './durable-file.ts'
export * from './failure.ts'
export * from './file-lock.ts'
export * from './free-memory.ts'
export * from './make-directories.ts'
export * from './placement.ts'
export * from './printable.ts'
export * from './refusal.ts'
export * from './remove-tree.ts'
export * from './retry-delay.ts'
