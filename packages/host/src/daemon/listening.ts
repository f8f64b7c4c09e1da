/** Opens a listener that a setting names. A failure is one line that names the setting. */
import { EXIT, errorCode, errorMessage, Failure } from '../machine/failure.ts'
import type { ListenAddress } from './listen-address.ts'

/**
 * @param setting `admin.listen`
 * @param attempt resolves with the address that the listener got
 * @throws Failure
 */
export async function listening(
  setting: string,
  { host, port }: ListenAddress,
  attempt: Promise<string>,
): Promise<string> {
  try {
    return await attempt
  } catch (error) {
    const why = errorCode(error) === 'EADDRINUSE' ? 'is taken by another process' : errorMessage(error)
    throw new Failure(EXIT.failed, `${setting} ${host}:${port} ${why}`, { cause: error })
  }
}
