/** The log of a root on NATS JetStream. Loaded by daemons that are configured for it. */
export * from './broker.ts'
export * from './find-position.ts'
export * from './log-decoder.ts'
export * from './log-encoder.ts'
export * from './log-entry.ts'
export * from './log-stream.ts'
export * from './names.ts'
export * from './signature.ts'
