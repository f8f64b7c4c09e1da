/**
 * Resyncs of a whole tree, which begin with a digest of each directory: they find what a listing of everything finds,
 * whatever differs, and list only the directories in which something does.
 */
import assert from 'node:assert/strict'
import { namesOf, type Scene, scene } from './scene.ts'
import type { Tree } from './tree.ts'

const DIRECTORIES = ['a', 'a/b', 'a/b/c', 'd', 'd/e', 'f', 'g', 'h', 'h/i', 'empty']
const NAMES = ['x', 'y', 'z', '\u{1f600}', '\ue000', 'läng', '-x', 'a b']
const DRIFTS = 12

function fill({ source }: Scene): void {
  for (const directory of DIRECTORIES) source.mkdir(directory)
  for (const directory of DIRECTORIES.filter((name) => name !== 'empty')) {
    for (const name of NAMES) source.write(`${directory}/${name}`, `content of ${directory}/${name}`)
    source.symlink('x', `${directory}/link`)
  }
}

/** One thing that nobody told the agent of. */
function drift({ chance }: Scene, target: Tree): void {
  const directory = chance.pick(DIRECTORIES)
  const path = `${directory}/${chance.pick(NAMES)}`
  if (!target.has(directory)) return target.mkdir(directory)
  const acts = [
    () => target.write(path, 'another content, longer than before'),
    () => target.write(`${directory}/new`, 'new'),
    () => target.mkdir(`${directory}/new directory/in it`),
    () => target.touch(directory, 1_000),
    () => target.chmod(directory, 0o700),
    () => target.remove(directory),
    ...(target.has(path)
      ? [() => target.remove(path), () => target.chmod(path, 0o600), () => target.touch(path, 1_000)]
      : []),
  ]
  chance.pick(acts)()
}

/** The paths that a whole resync compares, one by one: no digests are made of parts of a tree. */
function topsOf({ source, target }: Scene): string[] {
  return [...new Set([...source.names(), ...target.names()])].filter((name) => name !== '.rootferry')
}

scene(
  'what digests of directories find is what a listing of everything finds',
  { receivers: 1, settings: { isDrifting: true }, prepare: fill },
  async (scene) => {
    await scene.inSync()
    for (let drifts = 0; drifts < DRIFTS; drifts += 1) {
      drift(scene, scene.target)
      const ofAll = namesOf(await scene.resync({ dryRun: true }))
      const listed = namesOf(await scene.resync({ dryRun: true, paths: topsOf(scene) }))
      // The root's own time is compared in the first only.
      assert.deepEqual(
        ofAll.filter((found) => found !== 'changed .'),
        listed,
      )
      if (!scene.chance.oneIn(3)) continue
      await scene.resync()
      assert.deepEqual(namesOf(await scene.resync({ dryRun: true })), [])
      await scene.inSync()
    }
  },
)

scene(
  'as many entries are checked by digests as by listings, and changes that flow meanwhile are no differences',
  { receivers: 1, settings: { isDrifting: true }, prepare: fill },
  async (scene) => {
    await scene.inSync()
    const { checked } = await scene.resync({ dryRun: true })
    assert.equal(checked, scene.source.below().length + 1)
    const { id } = await scene.order({ dryRun: true })
    for (let change = 0; change < 20; change += 1) {
      scene.source.write(`${scene.chance.pick(DIRECTORIES)}/live ${change}`, 'live')
      await scene.rest(scene.chance.below(10))
    }
    await scene.until(() => scene.lookAt(id).state !== 'running')
    assert.deepEqual(namesOf(scene.lookAt(id).receivers['web1'] ?? assert.fail('web1 took no part')), [])
  },
)
