/** A target whose filesystem keeps whole seconds only: what is right is no difference, time after time. */
import assert from 'node:assert/strict'
import { lstatSync, lutimesSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Mounts } from '../support/mounts.ts'
import { type ResyncBody, resyncOf } from '../support/resync-orders.ts'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = sharedDaemons(1)

/** Inodes of 128 bytes have no room for more. */
const WHOLE_SECONDS = ['mkfs.ext4', '-q', '-F', '-I', '128']

async function start(mounts: Mounts, at: string): Promise<Site | null> {
  let isMade = true
  const site = await Site.on(daemons, {
    prepare: (source, [target = '']) => {
      mkdirSync(join(source, 'media/deep'), { recursive: true })
      for (const name of ['a.php', 'media/b.jpg', 'media/deep/c.jpg']) {
        writeFileSync(join(source, name), name)
        utimesSync(join(source, name), 1, 1_700_000_001.654321)
      }
      symlinkSync('a.php', join(source, 'media/link'))
      // So near to a whole second they look as if the filesystem kept tenths.
      for (const name of ['media/link', 'media/deep', 'media']) lutimesSync(join(source, name), 1, 1_700_000_001.043219)
      isMade = mounts.image(join(target, at), WHOLE_SECONDS) !== null
    },
  })
  return isMade ? site : null
}

async function live(): Promise<void> {
  const status = async () => (await daemons.receiverRoots(0))[0]
  await until(
    async () => (await status())?.phase === 'live',
    async () => JSON.stringify(await status()),
  )
}

/** The differences that a resync finds. */
async function found(order: ResyncBody = {}) {
  const { missing, changed, extraneous } = await resyncOf(daemons, 'web1', order)
  return { missing, changed, extraneous }
}

const ORDERS: ResyncBody[] = [{}, { dryRun: true }, { check: 'content' }, { check: 'content', dryRun: true }]
const NOTHING = { missing: 0, changed: 0, extraneous: 0 }

const FOUND = 'on a filesystem of whole seconds no difference is found, and a changed time is'

test('on a filesystem of whole seconds no difference is found, and a changed time is: the target', (t) => trial(t, '.'))
test(`${FOUND}: a volume in it`, (t) => trial(t, 'media'))

async function trial(t: TestContext, at: string): Promise<void> {
  if (!Mounts.isAllowed()) return t.skip('nothing can be mounted here')
  using mounts = new Mounts()
  const site = await start(mounts, at)
  if (site === null) return t.skip('no such filesystem can be made here')
  await live()
  const [target = ''] = site.targets
  assert.equal(lstatSync(join(target, 'media/b.jpg')).mtimeMs % 1_000, 0, 'whole seconds')
  // What such a filesystem is like is known from the first time that was set there.
  if (at !== '.') await found()
  for (const order of ORDERS) assert.deepEqual(await found(order), NOTHING, JSON.stringify(order))
  await daemons.killReceiver(0)
  await daemons.startReceiver(0)
  await live()
  if (at === '.') assert.deepEqual(await found({ dryRun: true }), NOTHING, 'after a restart')
  utimesSync(join(target, 'media/b.jpg'), 1, 1_600_000_000)
  assert.equal((await found()).changed, 1)
  assert.equal(lstatSync(join(target, 'media/b.jpg')).mtimeMs, 1_700_000_001_000)
}
