/** Which filesystems below a root are missing, told from those that were there. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Border } from '@rootferry/host/machine'
import { KnownBorders } from './known-borders.ts'

const MEDIA: Border = { path: 'pub/media', device: '0:7', part: '/', type: 'nfs4', isItself: false }
const VAR: Border = { path: 'var', device: '0:8', part: '/', type: 'tmpfs', isItself: false }

function world(mounted: Border[], remembered: string | null = null, empty: string[] = []) {
  const notes = { mounted, text: remembered, empty }
  const known = new KnownBorders({
    borders: {
      refresh: () => true,
      get all() {
        return notes.mounted
      },
    },
    remembered,
    remember: (text) => {
      notes.text = text
    },
    holdsEntries: (path) => !notes.empty.includes(path),
  })
  return { known, notes }
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
  const { known, notes } = world([MEDIA], null, ['pub/media'])
  assert.equal(known.missing(), null)
  notes.mounted = []
  assert.equal(known.missing(), null)
  known.forget(known.gone)
  // A file on the bare mount point.
  notes.empty = []
  assert.equal(known.missing(), null)
  assert.equal(world([], notes.text).known.missing(), null)
})

it('misses one that went amid the scan that has found what is behind it', () => {
  const { known, notes } = world([MEDIA], null, ['pub/media'])
  assert.equal(known.missing(), null)
  const { gone } = known
  notes.mounted = []
  assert.equal(known.missing(), null)
  known.forget(gone)
  notes.empty = []
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

it('forgets what an operator says is gone', () => {
  const { known, notes } = world([MEDIA])
  assert.equal(known.missing(), null)
  notes.mounted = []
  known.accept()
  assert.equal(known.missing(), null)
  assert.equal(world([], notes.text).known.missing(), null)
})

it('reads notes of no known form as none', () => {
  assert.equal(world([], '[1, {"path": "a"}, null]').known.missing(), null)
})
