/** Test files in one process, for the daemons that their cases share; each can also be run by itself. */
import { join } from 'node:path'
import { FILES_THAT_SHARE } from './support/files-that-share.ts'
import { loadTests } from './support/load-tests.ts'

await loadTests(FILES_THAT_SHARE['three-receivers'].map((file) => join(import.meta.dirname, `${file}.test.ts`)))
