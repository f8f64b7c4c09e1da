/** What the daemons say `typebox/compile` for, of the same bundle: both know the same types. */
export * from 'typebox/compile'
export { default } from 'typebox/compile'
