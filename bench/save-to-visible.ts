/** One save, as an editor does it, and how long it takes to be seen on the receiver. */
import { mkdirSync, readFileSync, renameSync, watch, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Rig } from '../test/support/rig.ts'

/** Replaces a file as an editor does. @returns milliseconds until the target shows the new content */
export async function saveToVisible(rig: Rig, path: string, content: string): Promise<number> {
  const target = join(rig.targets[0] ?? '', path)
  const { promise, resolve } = Promise.withResolvers<number>()
  mkdirSync(dirname(target), { recursive: true })
  const check = () => {
    try {
      if (readFileSync(target, 'utf8') === content) resolve(performance.now())
    } catch (error) {
      if (!(error instanceof Error)) throw error
    }
  }
  const watcher = watch(dirname(target), check)
  const temporary = join(rig.source, `${path}.saving`)
  writeFileSync(temporary, content)
  const saved = performance.now()
  renameSync(temporary, join(rig.source, path))
  const visible = await promise
  watcher.close()
  return visible - saved
}
