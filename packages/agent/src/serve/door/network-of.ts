/** Pure decision: which addresses are counted as one network. */
import { ipVersion } from '@rootferry/host/daemon'

/**
 * An IPv4 address itself; the first 64 bits of an IPv6 address, which belong to one customer or one machine.
 * @param address as node:net spells it
 */
export function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  if (ipVersion(plain) !== 6) return plain
  const [head = '', tail] = (plain.split('%', 1)[0] ?? '').split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const rest = tail === '' ? 0 : tail.split(':').length
    while (groups.length < 8 - rest) groups.push('0')
  }
  const first = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16))
  return `${first.join(':')}::/64`
}
