/** Directories of the machine are distinguished from those in which people keep docroots. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { systemDirectory } from './system-directory.ts'

it('refuses the directories of the machine', () => {
  const paths =
    '/ /etc /usr /var /home /root /opt /tmp /mnt /run /usr/local /usr/share /var/lib /var/log /proc/1 /dev/pts /sys/fs'
  for (const path of paths.split(' ')) assert.equal(systemDirectory(path), path)
})

it('accepts docroots', () => {
  const paths =
    '/var/www /var/www/html /srv /srv/shop /opt/sites /usr/share/wordpress /home/shop /app /tmp/x /dev/shm/a'
  for (const path of paths.split(' ')) assert.equal(systemDirectory(path), null, path)
})

it('finds them through a symlink, too', () => {
  const place = mkdtempSync(join(tmpdir(), 'rootferry-system-'))
  try {
    symlinkSync('/etc', join(place, 'link'))
    symlinkSync(place, join(place, 'self'))
    assert.equal(systemDirectory(join(place, 'link')), '/etc')
    assert.equal(systemDirectory(join(place, 'self')), null)
  } finally {
    rmSync(place, { recursive: true })
  }
})
