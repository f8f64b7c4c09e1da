/** Limits of bytes a second: bulk work is slow, what is small is not, and a HUP changes them. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = sharedDaemons(2)

/** So slow that the pictures below take minutes. */
const SLOW = 100_000
const PICTURES = 10
const PICTURE_BYTES = 2_000_000

async function limit(limits: object): Promise<void> {
  daemons.editAgent((config) => ({ ...config, limits }))
  assert.ok(daemons.agent)
  await daemons.hangUp(daemons.agent, 'configuration was read again')
}

for (const setting of ['bytesPerSecond', 'bytesPerSecondPerReceiver']) {
  test(`${setting}: a save reaches one receiver while another replays slowly; without it that one is soon done`, async () => {
    const site = await Site.on(daemons)
    await site.converged()
    await daemons.killReceiver(1)
    for (let number = 0; number < PICTURES; number += 1)
      writeFileSync(join(site.source, `picture${number}`), randomBytes(PICTURE_BYTES))
    const [web1 = '', web2 = ''] = site.targets
    const last = `picture${PICTURES - 1}`
    await until(
      () => Array.from({ length: PICTURES }).every((_, number) => existsSync(join(web1, `picture${number}`))),
      () => 'the pictures did not come',
    )

    await limit({ [setting]: SLOW })
    await daemons.startReceiver(1)
    await until(
      async () =>
        (await daemons.status()).receivers.some(({ name, state }) => name === 'web2' && state === 'left-behind'),
      async () => JSON.stringify(await daemons.status()),
    )
    writeFileSync(join(site.source, 'save'), 'saved')
    await until(
      () => existsSync(join(web1, 'save')) && readFileSync(join(web1, 'save'), 'utf8') === 'saved',
      () => 'the save waits behind the pictures of another receiver',
    )
    assert.ok(!existsSync(join(web2, last)), 'the replay is limited')

    await limit({})
    await site.converged()
  })
}
