/** What both daemons need of the machine they run on. Knows nothing of roots, sequences or messages. */
export * from './config-file.ts'
export * from './confined-directories.ts'
export * from './durable-file.ts'
export * from './failure.ts'
export * from './listen-address.ts'
export * from './logger.ts'
export * from './printable.ts'
