package models

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

// Limits of an import. Hashing a secret takes about 45 ms of a processor.
const (
	MaxImportLines = 1000
	MaxImportBytes = 768 * 1024
)

// ImportColumns are the columns that a file may have, by the names in its
// header row. Only username is needed; cells after those of the header are
// further roles when roles is the last column.
func ImportColumns() []string {
	return []string{"username", "password", "fullName", "email", "description", "enabled", "expireDate", "roles"}
}

// importRecord is one line of a file. Members that the file has no column for,
// or that are empty in the line, are nil.
type importRecord struct {
	line     int
	name     string
	password secret.Text
	cells    map[string]string // the other columns, without empty cells
	roles    []string
	problems problem.List
}

// readImport reads a file of credentials: comma, semicolon or tab separated
// with a header row, or the form username#password without one. What is wrong
// with the file as a whole is a problem of the field file.
func readImport(file []byte) ([]importRecord, error) {
	file = bytes.TrimPrefix(file, []byte("\uFEFF"))
	switch {
	case len(file) > MaxImportBytes:
		return nil, fileProblem("Split the file: it has %d bytes, and at most %d are taken at once.", len(file), MaxImportBytes)
	case len(bytes.TrimSpace(file)) == 0:
		return nil, fileProblem("Choose a file with credentials, or paste them; there is nothing to import.")
	case !utf8.Valid(file) || bytes.IndexByte(file, 0) >= 0:
		return nil, fileProblem("Save the file as CSV in UTF-8; this is another encoding.")
	}
	first, _, _ := bytes.Cut(bytes.TrimLeft(file, "\r\n"), []byte("\n"))
	if bytes.Contains(first, []byte("#")) && !bytes.ContainsAny(first, ",;\t") {
		return readHashLines(string(file))
	}
	return readCSV(file, separator(first))
}

func fileProblem(format string, args ...any) error {
	var l problem.List
	l.Add("file", format, args...)
	return l
}

// separator is the one that the header row has most of.
func separator(header []byte) rune {
	best, most := ',', 0
	for _, sep := range ",;\t" {
		if n := bytes.Count(header, []byte(string(sep))); n > most {
			best, most = sep, n
		}
	}
	return best
}

// readHashLines reads username#password, with or without a row that says so.
func readHashLines(text string) ([]importRecord, error) {
	var records []importRecord
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if strings.TrimSpace(line) == "" || len(records) == 0 && strings.EqualFold(line, "username#password") {
			continue
		}
		if len(records) == MaxImportLines {
			return nil, tooManyLines()
		}
		r := importRecord{line: i + 1}
		name, password, ok := strings.Cut(line, "#")
		r.name, r.password = name, secret.New(password)
		if !ok {
			// The line is not repeated: it may be a secret alone.
			r.name = ""
			r.problems.Add("password", "Write the line as username#password.")
		}
		records = append(records, r)
	}
	return someRecords(records)
}

func tooManyLines() error {
	return fileProblem("Split the file: at most %d credentials are imported at once.", MaxImportLines)
}

func someRecords(records []importRecord) ([]importRecord, error) {
	if len(records) == 0 {
		return nil, fileProblem("Add lines below the header row; there is no credential in the file.")
	}
	return records, nil
}

func readCSV(file []byte, sep rune) ([]importRecord, error) {
	r := csv.NewReader(bytes.NewReader(file))
	r.Comma, r.FieldsPerRecord = sep, -1
	header, err := r.Read()
	if err != nil {
		return nil, csvProblem(err)
	}
	columns, err := importHeader(header)
	if err != nil {
		return nil, err
	}
	var records []importRecord
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return someRecords(records)
		}
		if err != nil {
			return nil, csvProblem(err)
		}
		if blankCells(cells) {
			continue
		}
		if len(records) == MaxImportLines {
			return nil, tooManyLines()
		}
		line, _ := r.FieldPos(0)
		records = append(records, importLine(line, columns, cells))
	}
}

// csvProblem names the line and never what stands in it.
func csvProblem(err error) error {
	if p := new(csv.ParseError); errors.As(err, &p) {
		return fileProblem("Line %d is not CSV: put quotes around the whole cell and write a quote inside as two.", p.Line)
	}
	return fileProblem("The file is not CSV.")
}

func blankCells(cells []string) bool {
	return !slices.ContainsFunc(cells, func(c string) bool { return strings.TrimSpace(c) != "" })
}

// importHeader reads the header row, whatever its letter case.
func importHeader(cells []string) ([]string, error) {
	columns := make([]string, len(cells))
	for i, cell := range cells {
		at := slices.IndexFunc(ImportColumns(), func(c string) bool { return strings.EqualFold(c, strings.TrimSpace(cell)) })
		switch {
		case at >= 0 && slices.Contains(columns[:i], ImportColumns()[at]):
			return nil, fileProblem("Remove one of the two columns %s.", ImportColumns()[at])
		case at >= 0:
			columns[i] = ImportColumns()[at]
		case i == 0: // without a header the cell is a name, and the next a secret
			return nil, fileProblem("Begin the file with a header row such as username,password,roles.")
		default:
			return nil, fileProblem("Column %d of the header row is none that is known. There are %s.", i+1, strings.Join(ImportColumns(), ", "))
		}
	}
	if !slices.Contains(columns, "username") {
		return nil, fileProblem("Add the column username to the header row.")
	}
	return columns, nil
}

func importLine(line int, columns, cells []string) importRecord {
	r := importRecord{line: line, cells: map[string]string{}}
	for i, cell := range cells {
		if i >= len(columns) {
			r.extra(columns, i, cell)
			continue
		}
		switch column := columns[i]; column {
		case "username":
			r.name = strings.TrimSpace(cell)
		case "password": // blanks may be part of it
			r.password = secret.New(cell)
		case "roles":
			r.roles = append(r.roles, strings.Fields(cell)...)
		default:
			if strings.TrimSpace(cell) != "" {
				r.cells[column] = strings.TrimSpace(cell)
			}
		}
	}
	return r
}

// extra takes a cell after the last column of the header.
func (r *importRecord) extra(columns []string, i int, cell string) {
	if columns[len(columns)-1] == "roles" {
		r.roles = append(r.roles, strings.Fields(cell)...)
	} else if cell != "" && len(r.problems) == 0 { // once: a line may have any number
		r.problems.Add("", "There are more cells than columns in the header row; put quotes around a cell that holds the separator. The first too many is number %d.", i+1)
	}
}

// apply puts the record over a draft, of an existing credential or a new one.
func (r *importRecord) apply(d *CredentialDraft) {
	d.Secret = r.password
	if r.roles != nil {
		d.Roles = r.roles
	}
	for column, to := range map[string]*string{"fullName": &d.FullName, "email": &d.Email, "description": &d.Description} {
		if cell, ok := r.cells[column]; ok {
			*to = cell
		}
	}
	if cell, ok := r.cells["enabled"]; ok {
		on, err := strconv.ParseBool(strings.ToLower(cell))
		if err != nil {
			r.problems.Add("enabled", "Write true or false.")
		}
		d.Enabled = on
	}
	if cell, ok := r.cells["expireDate"]; ok {
		at, err := ParseMoment(cell)
		if err != nil {
			r.problems.Add("expireDate", "Write the moment as %s, in UTC where no zone is said.", momentExample)
		}
		d.Expires = at
	}
}

const momentExample = "2027-01-31 or 2027-01-31T18:00"

// ParseMoment reads a moment as people and browsers write one: a date, a date
// with a time, or RFC 3339. Without a zone it is UTC.
func ParseMoment(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() > 1 && t.Year() < 10000 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: write it as %s", errNoMoment, momentExample)
}

var errNoMoment = errors.New("not a moment")
