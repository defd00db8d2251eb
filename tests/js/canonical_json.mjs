// Canonical JSON by the JavaScript engine itself: RFC 8785 is defined as what JSON.stringify does, with keys sorted by UTF-16 units.
// stdin: a JSON list of texts; stdout: the canonical text of each.
const write = (value) => {
  if (Array.isArray(value)) return '[' + value.map(write).join(',') + ']'
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  return '{' + Object.keys(value).sort().map((key) => JSON.stringify(key) + ':' + write(value[key])).join(',') + '}'
}

const chunks = []
for await (const chunk of process.stdin) chunks.push(chunk)
const texts = JSON.parse(Buffer.concat(chunks).toString())
process.stdout.write(JSON.stringify(texts.map((text) => write(JSON.parse(text)))))
