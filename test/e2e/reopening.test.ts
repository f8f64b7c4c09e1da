/** The agent opens its docroot anew while receivers are connected, also over lines that are worth compressing for. */
import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

test('small and large changes arrive compressed', async () => {
  await using rig = await Rig.start({ agentConfig: { compression: 'always' } })
  await rig.converged()
  writeFileSync(join(rig.source, 'small.txt'), 'again and '.repeat(30))
  await rig.converged()
  writeFileSync(join(rig.source, 'large.txt'), 'again and '.repeat(300_000))
  await rig.converged()
})

test('a new filter takes effect at a HUP, and everything after it still arrives everywhere', async () => {
  await using rig = await Rig.start()
  await rig.converged()
  for (let round = 0; round < 3; round += 1) {
    mkdirSync(join(rig.source, `round-${round}`))
    for (let file = 0; file < 6; file += 1) {
      writeFileSync(join(rig.source, `round-${round}`, `f${file}`), Buffer.alloc(1_500_000, round * 10 + file))
    }
    rig.site.reconfigure({ exclude: [`*.cache${round}`] })
    writeFileSync(join(rig.source, `left-out.cache${round}`), '')
    for (let file = 0; file < 6; file += 1) writeFileSync(join(rig.source, `small-${round}-${file}`), `small ${file}`)
    await rig.converged(30_000, (path) => path.includes('.cache'))
  }
})

test('a docroot that is a symlink is followed when it is switched to another release', async () => {
  await using rig = await Rig.start({
    prepare: (source) => {
      rmSync(source, { recursive: true })
      for (const release of ['one', 'two']) {
        mkdirSync(`${source}-${release}/app`, { recursive: true })
        writeFileSync(`${source}-${release}/app/version`, release)
        writeFileSync(`${source}-${release}/only-${release}`, release)
      }
      symlinkSync(`${source}-one`, source)
    },
  })
  const same = () => rig.site.convergedWith(`${rig.source}/.`)
  await same()
  for (const release of ['two', 'one', 'two']) {
    symlinkSync(`${rig.source}-${release}`, `${rig.source}.new`)
    renameSync(`${rig.source}.new`, rig.source)
    await same()
  }
})

test('a docroot that is away deletes nothing, is reported, and continues when it is back', async () => {
  await using rig = await Rig.start()
  writeFileSync(join(rig.source, 'kept'), 'kept')
  await rig.converged()
  renameSync(rig.source, `${rig.source}.away`)
  await until(
    async () => (await rig.status()).roots[0]?.state === 'halted',
    () => 'the root is not halted',
  )
  await assert.rejects(rig.converged(50))
  renameSync(`${rig.source}.away`, rig.source)
  await rig.converged()
  writeFileSync(join(rig.source, 'later'), 'later')
  await rig.converged()
})
