package archive

// Limits of a package, for reading and for writing: what is written can be read.
// 10,000 proxies with a policy of their own each fit several times.
const (
	// MaxPackage is in bytes of the file that is written or uploaded.
	MaxPackage = 64 << 20
	// MaxContent is in bytes of all files together when they are unpacked.
	MaxContent = 128 << 20
	// MaxObject is in bytes of one unpacked object.
	MaxObject = 16 << 20
	// MaxObjects counts the objects of a package.
	MaxObjects = 50_000
	// MaxRatio is how many times larger a file may become when it is unpacked,
	// beyond what any file may have.
	MaxRatio = 200
	// MaxValues bounds the JSON values of all objects, of which a short text takes
	// many times its own size in memory.
	MaxValues = 8_000_000
	// maxManifest is larger than an object, as it has a line for each of them.
	maxManifest = 64 << 20
	// maxEntries leaves room for the manifest and for directories.
	maxEntries = MaxObjects + 1_000
	// maxPath is in bytes of the name of a file.
	maxPath = 400
	// freeRatio is in bytes that a file may have whatever its ratio.
	freeRatio = 64 << 10
)
