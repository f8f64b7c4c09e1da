/** What the agent had excluded, or the host protected, is each host's own: when that ends, what replaces it leaves a copy in the trash. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { absent, type Fed, Feed, file, Scratch, symlink } from '../../../test-support/test-feed.ts'

function kept(scratch: Scratch): string[] {
  const trash = scratch.at('state/trash')
  const names = existsSync(trash) ? readdirSync(trash, { recursive: true }).map(String) : []
  return names.filter((name) => !statSync(scratch.at('state/trash', name)).isDirectory()).map((name) => name.slice(25))
}

/** A replay: the target is live when it is over. */
async function replay(feed: Feed, filter: string[], ...fed: Fed[]): Promise<void> {
  const { sequence } = feed.disk.hello()
  feed.welcome({ sequence, head: sequence + 1, filter })
  await feed.commit(fed)
}

for (const restarts of [false, true]) {
  test(`what is included again replaces nothing without a copy, and later changes keep none; with a restart: ${restarts}`, async () => {
    using scratch = new Scratch()
    const own = ['app/env.php', 'var/link', 'var/session/a']
    const first = await new Feed(scratch).open()
    await replay(first, ['env.php', 'var/', '*.log'], file('app/a.php', '1'))
    for (const path of own) {
      mkdirSync(scratch.at('target', path, '..'), { recursive: true })
      writeFileSync(scratch.at('target', path), `${path} of this host`)
    }
    if (restarts) await first.close()
    await using second = restarts ? await new Feed(scratch).open() : first
    await replay(
      second,
      ['env.php', 'var/', '!env.php', '!/var/', '*.log'],
      ...[file('app/a.php', '2'), file('app/env.php', 'x'), file('var/session/a', 'y'), symlink('var/link', 'z')],
    )
    assert.deepEqual(kept(scratch).sort(), own)
    assert.equal(readFileSync(scratch.at('target/app/env.php'), 'utf8'), 'x')
    await second.seen('phase', ({ phase }) => phase === 'live')
    await second.commit([file('app/env.php', 'later'), file('var/session/a', 'later')])
    assert.deepEqual(kept(scratch).sort(), own)
  })
}

test('what is protected no more is replaced or removed with a copy, until it is compared', async () => {
  using scratch = new Scratch()
  const first = await new Feed(scratch).open({ protect: ['env.php', 'var/', 'other'] })
  await replay(first, [], file('app/a.php', '1'), file('app/env.php', 'x'))
  const own = ['app/env.php', 'var/a', 'var/b']
  mkdirSync(scratch.at('target/var'))
  for (const path of own) writeFileSync(scratch.at('target', path), `${path} of this host`)
  await first.close()
  // Nothing that is still protected, and nothing twice.
  for (const protect of [['more', 'var/', 'other', 'env.php'], ['var/', 'other', '!env.php'], ['other']]) {
    const next = await new Feed(scratch).open({ protect })
    await next.close()
  }
  await using feed = await new Feed(scratch).open({ protect: ['other'] })
  await replay(feed, [], file('app/env.php', 'y'), file('app/a.php', '2'), file('var/a', 'z'), absent('var/b'))
  assert.deepEqual(kept(scratch).sort(), own)
  assert.equal(readFileSync(scratch.at('target/app/env.php'), 'utf8'), 'y')
})
