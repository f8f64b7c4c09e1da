/** Which filesystems below a root are missing, told from those that were there. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Border } from '@rootferry/host/machine'
import { KnownBorders } from './known-borders.ts'

const MEDIA: Border = { path: 'pub/media', device: '0:7', part: '/', type: 'nfs4', isItself: false }
const VAR: Border = { path: 'var', device: '0:8', part: '/', type: 'tmpfs', isItself: false }

/** By path, what the index has there; entries below it where nothing else is said. */
type Indexed = Record<string, 'entries' | 'file' | null>

function world(mounted: Border[], remembered: string | null = null, indexed: Indexed = {}) {
  const notes = { mounted, text: remembered, indexed, tops: {} as Record<string, string | null>, shown: true }
  const open = (bootId: string) =>
    new KnownBorders({
      borders: {
        refresh: () => true,
        get all() {
          return notes.mounted
        },
      },
      remembered: notes.text,
      remember: (text) => {
        notes.text = text
      },
      behind: {
        indexed: (path) => notes.indexed[path] ?? (path in notes.indexed ? null : 'entries'),
        topOf: (path) => (path in notes.tops ? (notes.tops[path] ?? null) : `top of ${path}`),
        showsAny: () => notes.shown,
      },
      bootId,
      concerns: (path) => path !== 'excluded',
    })
  return { known: open('boot'), notes, open }
}

it('knows nothing of a root that it sees for the first time', () => {
  const { known } = world([])
  assert.equal(known.missing(), null)
})

it('misses a filesystem that was there at any look, also in the next life', () => {
  const { known, notes } = world([MEDIA, VAR])
  assert.equal(known.missing(), null)
  notes.mounted = [VAR]
  assert.match(known.missing() ?? '', /^pub\/media: the filesystem \(nfs4\)/)
  assert.match(world([VAR], notes.text).known.missing() ?? '', /^pub\/media: /)
  assert.equal(known.isBack(), false)
  notes.mounted = [MEDIA, VAR]
  assert.equal(known.missing(), null)
  assert.deepEqual([known.isBack(), known.isBack()], [true, false])
})

it('misses nothing behind which the index has no entries, and a scan that began without it forgets it', () => {
  const { known, notes } = world([MEDIA], null, { 'pub/media': null })
  assert.equal(known.missing(), null)
  notes.mounted = []
  assert.equal(known.missing(), null)
  known.forget(known.gone)
  // A file on the bare mount point.
  notes.indexed = {}
  assert.equal(known.missing(), null)
  assert.equal(world([], notes.text).known.missing(), null)
})

it('misses one that went amid the scan that has found what is behind it', () => {
  const { known, notes } = world([MEDIA], null, { 'pub/media': null })
  assert.equal(known.missing(), null)
  const { gone } = known
  notes.mounted = []
  assert.equal(known.missing(), null)
  known.forget(gone)
  notes.indexed = {}
  assert.match(known.missing() ?? '', /^pub\/media: /)
})

it('takes another filesystem at the same place for a missing one', () => {
  const { known, notes } = world([MEDIA])
  assert.equal(known.missing(), null)
  notes.mounted = [{ ...MEDIA, type: 'ext4' }]
  assert.match(known.missing() ?? '', /nfs4/)
})

it('a device number that a boot gave out anew is the same filesystem', () => {
  const { known, notes } = world([MEDIA])
  assert.equal(known.missing(), null)
  notes.mounted = [{ ...MEDIA, device: '0:99' }]
  assert.equal(known.missing(), null)
})

it('misses what was there when another filesystem of the same kind is mounted in its place, until something of it is there', () => {
  const { known, notes, open } = world([MEDIA])
  assert.equal(known.missing(), null)
  notes.tops = { 'pub/media': 'another' }
  notes.shown = false
  for (const life of [known, open('boot'), open('next boot')])
    assert.match(life.missing() ?? '', /^pub\/media: another filesystem \(nfs4\) is mounted there/)
  assert.equal(known.isBack(), false)
  notes.shown = true
  assert.deepEqual([known.isBack(), known.isBack()], [true, false])
  // From now on this is the one that is known: it may be emptied.
  notes.shown = false
  assert.equal(known.missing(), null)
})

it('misses what a filesystem covers that was never there before', () => {
  const { known, notes } = world([])
  assert.equal(known.missing(), null)
  notes.mounted = [VAR]
  notes.shown = false
  assert.match(known.missing() ?? '', /^var: another filesystem/)
  known.accept()
  assert.equal(known.missing(), null)
  notes.tops = { var: 'another' }
  assert.match(known.missing() ?? '', /^var: another filesystem/, 'it is not the one that was accepted')
})

it('takes a filesystem that is emptied, one that does not answer, and one in memory after a boot for what they are', () => {
  const { known, notes, open } = world([MEDIA, VAR])
  assert.equal(known.missing(), null)
  notes.shown = false
  assert.equal(known.missing(), null)
  notes.tops = { 'pub/media': null, var: 'another' }
  assert.equal(open('next boot').missing(), null)
  notes.tops = { var: 'a third one' }
  assert.match(open('next boot').missing() ?? '', /^var: another filesystem \(tmpfs\)/)
})

it('misses a single file that was mounted and is not, but not one for which another file is mounted', () => {
  const ENV: Border = { path: 'env.php', device: '8:1', part: '/etc/env.php', type: 'ext4', isItself: false }
  const { known, notes } = world([ENV], null, { 'env.php': 'file' })
  assert.equal(known.missing(), null)
  notes.mounted = [{ ...ENV, part: '/etc/env.php//deleted' }]
  assert.equal(known.missing(), null)
  known.forget(known.gone)
  notes.mounted = []
  assert.match(known.missing() ?? '', /^env\.php: .* is missing$/)
})

it('a filesystem that is mounted on demand may go and come, and its trigger is none', () => {
  const TRIGGER: Border = { ...MEDIA, device: '0:6', type: 'autofs' }
  const { known, notes, open } = world([TRIGGER], null, { 'pub/media': null })
  assert.equal(known.missing(), null)
  notes.mounted = [MEDIA]
  notes.indexed = {}
  assert.equal(known.missing(), null)
  notes.mounted = [TRIGGER]
  for (const life of [known, open('boot'), open('next boot')]) {
    assert.equal(life.missing(), null)
    life.forget(life.gone)
  }
  notes.mounted = []
  assert.match(known.missing() ?? '', /^pub\/media: the filesystem \(nfs4\)/)
})

it('tells what is mounted and not watched: what is new, and what was away; nothing that is excluded or comes on demand', () => {
  const TRIGGER: Border = { ...MEDIA, path: 'home', type: 'autofs' }
  const { known, notes } = world([MEDIA])
  assert.equal(known.isUnwatched, false)
  notes.mounted = [MEDIA, { ...VAR, path: 'excluded' }, TRIGGER]
  assert.equal(known.isUnwatched, false)
  notes.mounted = [MEDIA, { ...MEDIA, path: 'home' }]
  assert.equal(known.isUnwatched, false)
  notes.mounted = [MEDIA, VAR]
  assert.deepEqual([known.isUnwatched, known.isUnwatched], [true, true], 'until it is opened anew')
  notes.mounted = []
  assert.equal(known.isUnwatched, false)
  notes.mounted = [MEDIA]
  assert.equal(known.isUnwatched, true)
})

it('forgets what an operator says is gone', () => {
  const { known, notes } = world([MEDIA])
  assert.equal(known.missing(), null)
  notes.mounted = []
  known.accept()
  assert.equal(known.missing(), null)
  assert.equal(world([], notes.text).known.missing(), null)
})

it('misses a filesystem that goes after an operator has accepted that another one is gone', () => {
  const { known, notes } = world([MEDIA, VAR])
  assert.equal(known.missing(), null)
  notes.mounted = [VAR]
  known.accept()
  notes.mounted = []
  assert.match(known.missing() ?? '', /^var: the filesystem \(tmpfs\)/)
})

it('reads notes of no known form as none', () => {
  assert.equal(world([], '[1, {"path": "a"}, null]').known.missing(), null)
  const { path, part, type } = MEDIA
  const earlier = world([], JSON.stringify([{ path, part, type }]))
  assert.match(earlier.known.missing() ?? '', /^pub\/media: .* is missing$/)
  earlier.notes.mounted = [MEDIA]
  assert.equal(earlier.known.missing(), null)
})
