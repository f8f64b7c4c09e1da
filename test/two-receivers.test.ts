/** Files of test/e2e in one process, for the daemons that their cases share; each can also be run by itself. */
import { join } from 'node:path'
import { FILES_THAT_SHARE } from './support/files-that-share.ts'

for (const file of FILES_THAT_SHARE[2]) await import(join(import.meta.dirname, `e2e/${file}.test.ts`))
