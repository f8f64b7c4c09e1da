/** Borders, compared with lists as the kernel writes them and with a real bind mount in a mount namespace. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Borders, bordersBelow, mountOf } from './borders.ts'

const LINE = (place: string, type = 'ext4', part = '/') =>
  `36 35 98:0 ${part} ${place} rw,noatime master:1 shared:2 - ${type} /dev/sda1 rw`

test('borders are the mounts below the root, named by their paths', () => {
  const text = ['/', '/srv', '/srv/shop', '/srv/shop/pub/media', '/srv/shop-old/a', '/srv/shop/b'].map((place) =>
    LINE(place),
  )
  assert.deepEqual(
    bordersBelow('/srv/shop', text.join('\n')).map(({ path }) => path),
    ['pub/media', 'b'],
  )
})

test('blanks, newlines and backslashes in a mount point are read', () => {
  const [border] = bordersBelow('/srv/shop', LINE('/srv/shop/a\\040b\\134c\\012', 'tmpfs', '/x\\040y'))
  assert.deepEqual(border, { path: 'a b\\c\n', device: '98:0', part: '/x y', type: 'tmpfs', isItself: false })
})

test('of two mounts at one place the last one counts', () => {
  const found = bordersBelow('/srv/shop', [LINE('/srv/shop/a', 'ext4'), LINE('/srv/shop/a', 'nfs4')].join('\n'))
  assert.deepEqual(
    found.map(({ type }) => type),
    ['nfs4'],
  )
})

test('a directory that is mounted onto itself is told from a volume', () => {
  const text = [
    LINE('/', 'ext4', '/sub'),
    LINE('/srv/shop/etc', 'ext4', '/sub/srv/shop/etc'),
    LINE('/srv/shop/a', 'ext4', '/sub/srv/b'),
    LINE('/srv/shop/a/x', 'ext4', '/sub/srv/b/x'),
  ]
  assert.deepEqual(
    bordersBelow('/srv/shop', text.join('\n')).map(({ path, isItself }) => [path, isItself]),
    [
      ['etc', true],
      ['a', false],
      ['a/x', true],
    ],
  )
})

test('tells what lies across a border, and what holds one', () => {
  let text = [LINE('/srv/shop/pub/media'), LINE('/srv/shop/pub/media/import')].join('\n')
  const borders = new Borders('/srv/shop', () => text)
  assert.equal(borders.above('pub/media/a/b.jpg')?.path, 'pub/media')
  assert.equal(borders.above('pub/media/import/x')?.path, 'pub/media/import')
  assert.equal(borders.above('pub/media2'), null)
  assert.equal(borders.above('.'), null)
  assert.deepEqual(
    ['pub', 'pub/media', 'pub/media/a', '.', 'pub/mediab'].map((path) => borders.isAtOrBelow(path)),
    [true, true, false, true, false],
  )
  assert.equal(borders.refresh(), false)
  text = LINE('/srv/shop/pub/media')
  assert.equal(borders.refresh(), true)
  assert.equal(borders.has('pub/media/import'), false)
})

test('the mount point of a path is the nearest one above it, or at it', () => {
  const text = ['/', '/srv', '/srv/shop'].map((place) => LINE(place)).join('\n')
  const cases = { '/srv/shop': '/srv/shop', '/srv/shop/a': '/srv/shop', '/srv/shop2': '/srv', '/var': '/' }
  for (const [path, place] of Object.entries(cases)) assert.equal(mountOf(path, text).place, place, path)
})

test('without a list of mounts there are no borders', () => {
  assert.deepEqual([...new Borders('/srv/shop', () => '').all], [])
})

test('a bind mount of the same filesystem is a border', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'rootferry-borders-'))
  try {
    mkdirSync(join(root, 'a b/c'), { recursive: true })
    mkdirSync(join(root, 'other'))
    const program = `
      import { Borders } from ${JSON.stringify(import.meta.resolve('./borders.ts'))}
      console.log(JSON.stringify([...new Borders(${JSON.stringify(root)}).all].map(({ path }) => path)))
    `
    const script = `mount --bind "$1/other" "$1/a b/c" && exec "$2" --input-type=module -e "$3"`
    const run = spawnSync('unshare', ['-m', 'sh', '-c', script, 'sh', root, process.execPath, program], {
      encoding: 'utf8',
    })
    if (run.status !== 0 && /unshare|mount:/.test(run.stderr)) return t.skip('no mount namespace can be made here')
    assert.equal(run.stdout, '["a b/c"]\n', run.stderr)
  } finally {
    rmSync(root, { recursive: true })
  }
})
