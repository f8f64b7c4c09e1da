/** One save, as an editor does it, and how long it takes until the other side shows it. */
import { mkdirSync, readFileSync, renameSync, watch, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Replaces a file as an editor does. @returns milliseconds until every target shows the new content */
export async function saveToVisible(source: string, targets: string[], path: string, content: string): Promise<number> {
  const waiting = targets.map((target) => contentSeen(join(target, path), content))
  const temporary = join(source, `${path}.saving`)
  writeFileSync(temporary, content)
  const saved = performance.now()
  renameSync(temporary, join(source, path))
  return Math.max(...(await Promise.all(waiting))) - saved
}

/** @returns the time at which it was seen, on the clock of `performance.now()` */
async function contentSeen(file: string, content: string): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  mkdirSync(dirname(file), { recursive: true })
  const watcher = watch(dirname(file), () => {
    try {
      if (readFileSync(file, 'utf8') === content) resolve(performance.now())
    } catch (error) {
      if (!(error instanceof Error)) throw error
    }
  })
  const seen = await promise
  watcher.close()
  return seen
}
