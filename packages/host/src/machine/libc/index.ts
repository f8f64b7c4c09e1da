/** System calls by descriptor: the interface, and which implementation a thread uses. */
export * from './choose-system-calls.ts'
export type * from './system-calls.ts'
