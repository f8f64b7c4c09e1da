/** Whether an address is one of this host: somebody else's word for it is not enough. */
import { networkInterfaces } from 'node:os'

/** @returns null when it is not */
export function ownAddress(address: string | null): string | null {
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses?.map((one) => one.address) ?? [])
  return address !== null && own.includes(address) ? address : null
}
