/**
 * The place of the operator page's files: within the bundle, which a daemon that runs from the sources uses as well.
 * This file lies next to `main.ts`, because a bundle has all its files in one directory.
 */
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

const isBundle = extname(import.meta.filename) !== '.ts'

export const PAGE = fileURLToPath(new URL(isBundle ? './page/' : '../bundle/page/', import.meta.url))
