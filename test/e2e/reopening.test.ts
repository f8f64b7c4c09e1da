/** What has the agent open its docroot anew, done to daemons; the cases are in `test/scenes/reopening.test.ts`. */
import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

test('a docroot that is a symlink is switched to another release, and filtered anew at a HUP; all arrives, compressed', async () => {
  await using rig = await Rig.start({
    receivers: 1,
    agentConfig: { compression: 'always' },
    prepare: (source) => {
      rmSync(source, { recursive: true })
      for (const release of ['one', 'two']) {
        mkdirSync(`${source}-${release}/app`, { recursive: true })
        writeFileSync(`${source}-${release}/app/version`, release)
        writeFileSync(`${source}-${release}/only-${release}`, `${release} again and `.repeat(100_000))
      }
      symlinkSync(`${source}-one`, source)
    },
  })
  const same = (ignore?: (path: string) => boolean) => rig.site.convergedWith(`${rig.source}/.`, 30_000, ignore)
  await same()
  symlinkSync(`${rig.source}-two`, `${rig.source}.new`)
  renameSync(`${rig.source}.new`, rig.source)
  await same()

  rig.site.configure({ exclude: ['*.cache'] })
  await rig.hangUp(rig.agent ?? assert.fail())
  writeFileSync(join(rig.source, 'left-out.cache'), '')
  writeFileSync(join(rig.source, 'later'), 'later')
  await same((path) => path === 'left-out.cache')
})

test('a root that was empty and is given a shop is watched in another way, without a restart', async () => {
  await using rig = await Rig.start({ receivers: 1 })
  await rig.converged()
  const backend = async () => (await rig.status()).roots[0]?.watch.backend
  assert.equal(await backend(), 'chokidar')
  for (let part = 0; part < 50; part += 1) {
    mkdirSync(join(rig.source, `part${part}`))
    for (let file = 0; file < 100; file += 1) writeFileSync(join(rig.source, `part${part}/${file}`), '')
  }
  await until(
    async () => (await backend()) === 'directory',
    async () => JSON.stringify(await rig.status()),
  )
  writeFileSync(join(rig.source, 'part7/later'), 'later')
  await rig.converged()
})
