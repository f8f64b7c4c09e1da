/** A mount namespace of a test file's own: nothing that it mounts is seen outside, or left behind. */
import { spawnSync } from 'node:child_process'
import { env, execPath } from 'node:process'
import { fileURLToPath } from 'node:url'

const MARK = 'ROOTFERRY_OWN_MOUNTS'

export interface OwnMounts {
  /** Whether this process is in such a namespace: then it runs the tests themselves. */
  isInside: boolean
  /** Outside: runs the file again inside. @returns what it printed when it failed; null: nothing can be mounted here */
  run(): { failure: string } | null
}

/** @param file `import.meta.url` of the test file */
export function ownMounts(file: string): OwnMounts {
  const run = () => {
    if (spawnSync('unshare', ['-m', 'true']).status !== 0) return null
    const words = ['-m', '--propagation', 'private', execPath, '--test-reporter=spec', fileURLToPath(file)]
    const { NODE_TEST_CONTEXT: _, ...inherited } = env
    const options = { encoding: 'utf8', env: { ...inherited, [MARK]: '1' }, maxBuffer: 64 * 1024 * 1024 } as const
    const { status, stdout, stderr } = spawnSync('unshare', words, options)
    return { failure: status === 0 ? '' : `${stdout}${stderr}` }
  }
  return { isInside: env[MARK] === '1', run }
}
