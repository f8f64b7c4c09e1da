/** What has the agent open its docroot anew, done to daemons; the cases are in `test/scenes/reopening.test.ts`. */
import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Daemons } from '../support/daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = new Daemons({ receivers: 1, agentConfig: { compression: 'always' } })
after(() => daemons[Symbol.asyncDispose]())

test('a docroot that is a symlink is switched to another release, and filtered anew at a HUP; all arrives, compressed', async () => {
  const site = await Site.on(daemons, {
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
  const same = (ignore?: (path: string) => boolean) => site.convergedWith(`${site.source}/.`, 30_000, ignore)
  await same()
  symlinkSync(`${site.source}-two`, `${site.source}.new`)
  renameSync(`${site.source}.new`, site.source)
  await same()

  site.configure({ exclude: ['*.cache'] })
  await daemons.hangUp(daemons.agent ?? assert.fail())
  writeFileSync(join(site.source, 'left-out.cache'), '')
  writeFileSync(join(site.source, 'later'), 'later')
  await same((path) => path === 'left-out.cache')
})

test('a root that was empty and is given a shop is watched in another way, without a restart', async () => {
  const site = await Site.on(daemons)
  await site.converged()
  const backend = async () => (await daemons.status()).roots[0]?.watch.backend
  assert.equal(await backend(), 'chokidar')
  for (let part = 0; part < 50; part += 1) {
    mkdirSync(join(site.source, `part${part}`))
    for (let file = 0; file < 100; file += 1) writeFileSync(join(site.source, `part${part}/${file}`), '')
  }
  await until(
    async () => (await backend()) === 'directory',
    async () => JSON.stringify(await daemons.status()),
  )
  writeFileSync(join(site.source, 'part7/later'), 'later')
  await site.converged()
})
