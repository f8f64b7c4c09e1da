/**
 * What a daemon's main thread needs: configuration, command line, log, and the ways to ask a running daemon. Threads of
 * roots load none of it.
 */
export * from './ask-daemon.ts'
export * from './command-line.ts'
export * from './command-run.ts'
export * from './completion.ts'
export * from './config-file.ts'
export * from './connection-bound.ts'
export * from './daemon-process.ts'
export * from './effective-yaml.ts'
export * from './hook-runs.ts'
export * from './hook-table.ts'
export * from './http-problem.ts'
export * from './listen-address.ts'
export * from './listening.ts'
export * from './logger.ts'
export * from './numbers.ts'
export * from './pattern-fault.ts'
export * from './schema-faults.ts'
export * from './table.ts'
export * from './version.ts'
export * from './yaml-scalar.ts'
