/** What scenes of held roots have in common: a small tree, a deploy in it, and what an operator says. */
import type { RootRequests } from '../../packages/agent/src/root-messages.ts'
import type { Scene } from './scene.ts'

export const FILES = 30
/** Three bytes each: more than a scan reads at once. */
export const LARGE = 30_000
const HOLD = { reason: 'deploy', by: 'ops', forMs: 900_000, waitMs: 10_000 }
export const RELEASE: RootRequests['end-hold']['takes'] = {
  dryRun: false,
  acceptLosses: false,
  isInParts: false,
  isRolling: false,
  hold: null,
  by: 'ops',
}

export const prepare = ({ source }: Scene) => {
  for (let file = 0; file < FILES; file += 1) source.write(`app/f${file}`, `old ${file}`)
}

/** Replaces every file, removes one directory and makes another, with pauses that are longer than settling. */
export async function deploy(scene: Scene, version: string): Promise<void> {
  for (let file = 0; file < FILES; file += 1) {
    scene.source.write(`app/f${file}`, `${version} of ${file}`)
    if (file % 10 === 9) await scene.rest(700)
  }
  scene.source.remove('app/f0')
  scene.source.write(`${version}/new`, version)
}

export const hold = (scene: Scene) => scene.ask(({ feed }) => feed.holds.hold(HOLD))
export const release = (scene: Scene, order: Partial<typeof RELEASE> = {}) =>
  scene.ask(async ({ feed }) => {
    const { answer, round } = await feed.holds.release({ ...RELEASE, ...order })
    await round?.ended
    return answer
  })
export const looks = (scene: Scene) => scene.targets.map((target) => target.look())

export function held(scene: Scene) {
  const { root } = scene
  return 'hold' in root ? root.hold : null
}

export async function heldByFile(scene: Scene): Promise<void> {
  await scene.until(() => held(scene) !== null)
}

export async function live(scene: Scene): Promise<void> {
  await scene.until(() => scene.targets.every((_, number) => scene.receiver(number).state === 'live'))
}
