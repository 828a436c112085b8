package archive

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gatewright/gatewright/engine/problem"
)

// The signatures of a ZIP (APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12, 4.3.16).
var (
	localHeader   = []byte("PK\x03\x04")
	centralHeader = []byte("PK\x01\x02")
	endRecord     = []byte("PK\x05\x06")
)

const (
	localLength = 30
	endLength   = 22
)

// openZip is the files of a ZIP, without directories, once all their names and
// the container itself are found good. Nothing is unpacked yet.
func openZip(raw []byte) ([]*zip.File, error) {
	// Every entry has a signature, and archive/zip allocates for each: counting
	// before it reads bounds what a directory of empty entries costs.
	if bytes.Count(raw, centralHeader) > maxEntries {
		return nil, tooMany()
	}
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, whole("This is neither a ZIP nor a JSON file, or it is damaged.")
	}
	if msg := contradiction(raw, z.File); msg != "" {
		return nil, whole("The ZIP contradicts itself, so that programs could see different files in it: %s", msg)
	}
	files, wrong := plainFiles(z.File)
	if len(files) > MaxObjects+1 {
		return nil, tooMany()
	}
	return files, wrong.err()
}

func tooMany() error {
	return whole("The package has more than %d files. Split it.", MaxObjects)
}

// plainFiles are the files that may be read, in the order of their names.
// Directories are passed over: "zip -r" and "git archive" write entries for them,
// and nothing is ever unpacked to a disk.
func plainFiles(entries []*zip.File) ([]*zip.File, Problems) {
	var wrong Problems
	var files []*zip.File
	seen := make(map[string]bool, len(entries))
	for _, f := range entries {
		key := strings.ToLower(strings.TrimSuffix(f.Name, "/"))
		msg := entryProblem(f)
		switch {
		case msg != "":
		case seen[key]:
			msg = "The name is in the package twice; letter case does not tell names apart."
		case !directory(f):
			files = append(files, f)
		}
		if msg != "" {
			wrong.add(f.Name, "%s", msg)
		}
		seen[key] = true
	}
	wrong.insideFiles(files)
	slices.SortFunc(files, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	return files, wrong
}

func directory(f *zip.File) bool { return strings.HasSuffix(f.Name, "/") }

func entryProblem(f *zip.File) string {
	const encrypted = 1 | 1<<6 | 1<<13 // APPNOTE.TXT 4.4.4
	switch {
	case unsafe(f.Name):
		return "The name could point outside of the package, or mean something else on another system. Names are such as global-policies/orders.json."
	case directory(f) && f.UncompressedSize64 == 0 && f.Mode().IsDir():
		return ""
	case directory(f):
		return "A directory has no content."
	case !f.Mode().IsRegular():
		return "Only plain files are taken, no links and no devices."
	case f.Flags&encrypted != 0:
		return "The file is encrypted by a ZIP program. Export with a passphrase instead."
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return fmt.Sprintf("The file is packed by method %d; only storing and deflating are understood.", f.Method)
	case f.Name != ManifestFile && !strings.HasSuffix(f.Name, ".json"):
		return "This is no file of a package; those end with .json."
	}
	return ""
}

// unsafe tells names that mean more than a file below the root: zip slip, and
// what Windows reads in another way (drives, streams, blanks at the end).
func unsafe(name string) bool {
	if name == "" || len(name) > maxPath || !utf8.ValidString(name) ||
		strings.ContainsFunc(name, problem.Invisible) || strings.ContainsAny(name, `\:*?"<>|`) {
		return true
	}
	for segment := range strings.SplitSeq(strings.TrimSuffix(name, "/"), "/") {
		if segment == "" || strings.TrimRight(segment, ". ") != segment {
			return true
		}
	}
	return false
}

// unpacked is the data of a file. Sizes that the ZIP declares are not believed:
// bytes are counted as they come out.
func unpacked(f *zip.File, limit int) (data []byte, msg string) {
	r, err := f.Open()
	if err != nil {
		return nil, "The file is damaged."
	}
	defer r.Close()
	most := min(uint64(limit), freeRatio+MaxRatio*f.CompressedSize64)
	data, err = io.ReadAll(io.LimitReader(r, int64(most)+1))
	switch {
	case uint64(len(data)) > most && bomb(uint64(len(data)), f.CompressedSize64):
		return nil, fmt.Sprintf("The file becomes more than %d times larger when it is unpacked. That is how bombs look; it is not taken.", MaxRatio)
	case uint64(len(data)) > most:
		return nil, fmt.Sprintf("The file has more than %s when it is unpacked.", size(limit))
	case errors.Is(err, zip.ErrChecksum):
		return nil, "The file is damaged: its checksum is wrong."
	case err != nil:
		return nil, "The file is damaged."
	}
	return data, ""
}

// size is a number of bytes for people.
func size(n int) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// contradiction says why the local headers and the directory at the end do not
// describe one and the same sequence of files, or "". Programs read one or the
// other, so who looks at a package could see other files than are imported. A
// good ZIP is its files without gaps, then the directory, then its end.
func contradiction(raw []byte, files []*zip.File) string {
	order := slices.Clone(files)
	offsets := make(map[*zip.File]int64, len(files))
	for _, f := range order {
		offset, err := f.DataOffset()
		if err != nil {
			return fmt.Sprintf("the header of %s is missing.", quoted(f.Name))
		}
		offsets[f] = offset
	}
	slices.SortStableFunc(order, func(a, b *zip.File) int { return cmp.Compare(offsets[a], offsets[b]) })
	next := 0
	for _, f := range order {
		if next = afterEntry(raw, next, f, offsets[f]); next < 0 {
			return fmt.Sprintf("%s is not described alike in both places, or it is not where it should be.", quoted(f.Name))
		}
	}
	if !endsAt(raw, next, len(files)) {
		return "there is something before, between or after the files."
	}
	return ""
}

// afterEntry is where the entry ends whose local header is at start, -1 when
// that header is not the one of f.
func afterEntry(raw []byte, start int, f *zip.File, data int64) int {
	if len(raw)-start < localLength || !bytes.HasPrefix(raw[start:], localHeader) {
		return -1
	}
	header, short := raw[start:], binary.LittleEndian.Uint16
	name, extra := int(short(header[26:])), int(short(header[28:]))
	if int64(start+localLength+name+extra) != data || data > int64(len(raw)) || f.CompressedSize64 > uint64(int64(len(raw))-data) {
		return -1
	}
	if string(header[localLength:localLength+name]) != f.Name || short(header[6:]) != f.Flags || short(header[8:]) != f.Method {
		return -1
	}
	end := int(data) + int(f.CompressedSize64)
	if f.Flags&8 != 0 {
		return afterDescriptor(raw, end, f)
	}
	if !bytes.Equal(header[14:26], sizes(f, 4)) {
		return -1
	}
	return end
}

// afterDescriptor passes over the checksum and sizes that programs which pack
// into a stream write behind a file, in one of four forms (APPNOTE.TXT 4.3.9).
func afterDescriptor(raw []byte, end int, f *zip.File) int {
	for _, width := range []int{4, 8} {
		for _, mark := range []string{"PK\x07\x08", ""} {
			descriptor := append([]byte(mark), sizes(f, width)...)
			if bytes.HasPrefix(raw[end:], descriptor) {
				return end + len(descriptor)
			}
		}
	}
	return -1
}

// sizes are the checksum and the two sizes of a file as they stand in headers,
// in four or eight bytes each.
func sizes(f *zip.File, width int) []byte {
	b := binary.LittleEndian.AppendUint32(nil, f.CRC32)
	for _, n := range []uint64{f.CompressedSize64, f.UncompressedSize64} {
		b = append(b, binary.LittleEndian.AppendUint64(nil, n)[:width]...)
	}
	return b
}

// endsAt tells whether the directory begins at start and the ZIP ends with it
// and its record, which counts the files. Packages are too small for ZIP64.
func endsAt(raw []byte, start, files int) bool {
	at := bytes.LastIndex(raw, endRecord)
	if at < 0 || len(raw)-at < endLength {
		return false
	}
	end, short, long := raw[at:], binary.LittleEndian.Uint16, binary.LittleEndian.Uint32
	length, offset, comment := int(long(end[12:])), int(long(end[16:])), int(short(end[20:]))
	return int(short(end[8:])) == files && int(short(end[10:])) == files &&
		offset == start && offset+length == at && endLength+comment == len(end)
}

// insideFiles adds those whose directory is a file.
func (p *Problems) insideFiles(files []*zip.File) {
	isFile := make(map[string]bool, len(files))
	for _, f := range files {
		isFile[strings.ToLower(f.Name)] = true
	}
	for _, f := range files {
		for above := path.Dir(f.Name); above != "."; above = path.Dir(above) {
			if isFile[strings.ToLower(above)] {
				p.add(f.Name, "%s is a file, so nothing can be inside of it.", quoted(above))
			}
		}
	}
}
