// CIDs of files by ipfs-unixfs-importer, an implementation this project did not write.
// stdin: [{seed, size, chunk, width}]; stdout: the CIDs as one JSON list. The bytes are SHAKE-256 of "symphony:<seed>".
import { createHash } from 'node:crypto'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'

const blockstore = { put: async (cid) => cid }

async function cidOf ({ seed, size, chunk, width }) {
  const content = createHash('shake256', { outputLength: size }).update(`symphony:${seed}`).digest()
  const options = { profile: 'unixfs-v1-2025' }
  if (chunk !== undefined) {
    options.chunker = fixedSize({ chunkSize: chunk })
    options.layout = balanced({ maxChildrenPerNode: width })
  }
  let root
  for await (const entry of importer([{ path: 'file', content: size === 0 ? new Uint8Array(0) : content }], blockstore, options)) {
    root = entry.cid
  }
  return root.toString()
}

const chunks = []
for await (const chunk of process.stdin) chunks.push(chunk)
const cids = []
for (const item of JSON.parse(Buffer.concat(chunks).toString())) cids.push(await cidOf(item))
process.stdout.write(JSON.stringify(cids))
