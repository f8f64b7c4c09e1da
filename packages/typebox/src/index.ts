/** What the daemons say `typebox` for: the package of that name, which an install bundles into one file. */
export * from 'typebox'
export { default } from 'typebox'
