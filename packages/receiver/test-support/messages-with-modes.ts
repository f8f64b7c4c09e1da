/** Test support: a segment and a listing of a file, a directory and a symlink with given modes. */
import type { Listing, Segment } from '@rootferry/protocol'

const MTIME = 1_800_000_000_000_000
const DIGEST = 'AKujkozWIq1nwPgezVqoaZ4H-PSQjARf409qLcAGezc'

export function segmentWith(file: number, directory: number): Segment {
  const own = { uid: 0, gid: 0, mtime: MTIME }
  return {
    type: 'segment',
    index: 0,
    encoding: 'tar',
    bytes: 0,
    tarBytes: 0,
    changes: [
      { path: 'a', kind: 'file', mode: file, ...own, size: 1, digest: DIGEST, source: 'keep' },
      { path: 'b', kind: 'directory', mode: directory, ...own },
      { path: 'c', kind: 'symlink', mode: 0o777, ...own, target: 'a' },
      { path: 'd', kind: 'absent' },
    ],
    slice: null,
    to: null,
    users: [],
    groups: [],
  }
}

export function listingWith(file: number, directory: number): Listing {
  return {
    type: 'listing',
    request: 1,
    sequence: 7,
    directories: [
      {
        path: '.',
        entries: [
          ['a', 'f', file, 0, 0, MTIME, 1, null],
          ['b', 'd', directory, 0, 0, MTIME],
          ['c', 'l', 0o777, 0, 0, MTIME, 'a'],
        ],
        complete: true,
      },
    ],
    users: [],
    groups: [],
    next: null,
  }
}
