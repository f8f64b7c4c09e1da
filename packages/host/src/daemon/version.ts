/**
 * The version of this software, from package.json of the repository, which is the only place that states it. Bundles
 * carry it.
 */
import manifest from '../../../../package.json' with { type: 'json' }

export const VERSION: string = manifest.version
