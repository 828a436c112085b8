package conditions

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gatewright/gatewright/engine/problem"
)

// takeCurl spreads a pasted curl line over the fields of the sample request. What cannot be read stays where it is.
func takeCurl(v map[string]string) {
	line := strings.TrimSpace(v[samplePrefix+"curl"])
	if line == "" {
		return
	}
	c, err := parseCurl(line)
	if err != nil {
		v[samplePrefix+"problem"] = problem.Of(err)[0].Message
		return
	}
	delete(v, samplePrefix+"curl")
	v[samplePrefix+"method"], v[samplePrefix+"path"] = c.method, c.address
	v[samplePrefix+"headers"], v[samplePrefix+"body"] = strings.Join(c.headers, "\n"), c.body
}

// refuse says to the person what is wrong with the line.
func refuse(text string) error { return problem.List{{Message: text}} }

// curl is what a curl line would send.
type curl struct {
	method, address, body string
	headers               []string

	data []string
	get  bool
	form bool // a body that is a form unless a header says otherwise
}

// parseCurl reads a command line as a shell and curl do, as far as a condition can see it. Nothing is run and no file
// is read.
func parseCurl(line string) (curl, error) {
	words, err := shellWords(line)
	if err != nil {
		return curl{}, err
	}
	if len(words) == 0 || words[0] != "curl" {
		return curl{}, refuse("Begin with curl, such as curl -H 'X-Environment: production' https://api.example.com/orders.")
	}
	var c curl
	for words = words[1:]; len(words) > 0; {
		if words, err = c.take(words); err != nil {
			return curl{}, err
		}
	}
	return c.finish()
}

// take reads one option with its value, or the address.
func (c *curl) take(words []string) ([]string, error) {
	word := words[0]
	switch {
	case word == "--" || word == "-":
		return words[1:], nil
	case strings.HasPrefix(word, "--"):
		name, value, has := strings.Cut(word, "=")
		return c.option(name, value, has, words[1:])
	case strings.HasPrefix(word, "-"):
		return c.letters(word[1:], words[1:])
	}
	return words[1:], c.to(word)
}

// letters are short options, which may stand together: -sXPOST.
func (c *curl) letters(letters string, rest []string) ([]string, error) {
	for i := range len(letters) {
		name, known := shortOptions[letters[i]]
		if !known {
			return nil, refuse("The option -" + letters[i:i+1] + " is not known here. Leave it out.")
		}
		if takesValue[name] {
			return c.option(name, letters[i+1:], i+1 < len(letters), rest)
		}
		var err error
		if rest, err = c.option(name, "", false, rest); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

func (c *curl) option(name, value string, has bool, rest []string) ([]string, error) {
	if !takesValue[name] {
		if !flags[name] {
			return nil, refuse("The option " + name + " is not known here. Leave it out.")
		}
		c.flag(name)
		return rest, nil
	}
	if !has {
		if len(rest) == 0 {
			return nil, refuse("The option " + name + " lacks its value.")
		}
		value, rest = rest[0], rest[1:]
	}
	return rest, c.set(name, value)
}

func (c *curl) flag(name string) {
	switch name {
	case "--get":
		c.get = true
	case "--head":
		c.method = http.MethodHead
	}
}

func (c *curl) set(name, value string) error {
	switch name {
	case "--request":
		c.method = value
	case "--url":
		return c.to(value)
	case "--header":
		c.headers = append(c.headers, value)
	case "--user-agent":
		c.headers = append(c.headers, "User-Agent: "+value)
	case "--referer":
		c.headers = append(c.headers, "Referer: "+value)
	case "--cookie":
		c.headers = append(c.headers, "Cookie: "+value)
	case "--data", "--data-ascii", "--data-binary", "--json":
		if strings.HasPrefix(value, "@") {
			return refuse("Files are not read. Put the data itself in place of " + value + ".")
		}
		c.data = append(c.data, value)
		c.form = name != "--json"
		if !c.form {
			c.headers = append(c.headers, "Content-Type: application/json")
		}
	case "--data-raw":
		c.data, c.form = append(c.data, value), true
	case "--data-urlencode":
		c.data, c.form = append(c.data, encoded(value)), true
	}
	return nil
}

// encoded is curl's own rule: what follows the first equals sign is encoded.
func encoded(value string) string {
	name, content, ok := strings.Cut(value, "=")
	switch {
	case !ok:
		return url.QueryEscape(value)
	case name == "":
		return url.QueryEscape(content)
	}
	return name + "=" + url.QueryEscape(content)
}

func (c *curl) to(address string) error {
	if c.address != "" {
		return refuse("Paste one request: there are two addresses, " + c.address + " and " + address + ".")
	}
	if !strings.Contains(address, "://") && !strings.HasPrefix(address, "/") {
		address = "http://" + address
	}
	c.address = address
	return nil
}

func (c *curl) finish() (curl, error) {
	if c.address == "" {
		return curl{}, refuse("The line names no address.")
	}
	data := strings.Join(c.data, "&")
	switch {
	case c.get && data != "":
		sign := "?"
		if strings.Contains(c.address, "?") {
			sign = "&"
		}
		c.address += sign + data
	case len(c.data) > 0:
		c.body = data
		if c.form && !c.hasHeader("Content-Type") {
			c.headers = append(c.headers, "Content-Type: application/x-www-form-urlencoded")
		}
		c.method = orElse(c.method, http.MethodPost)
	}
	c.method = orElse(c.method, http.MethodGet)
	return *c, nil
}

func (c *curl) hasHeader(wanted string) bool {
	for _, h := range c.headers {
		if name, _, _ := strings.Cut(h, ":"); strings.EqualFold(strings.TrimSpace(name), wanted) {
			return true
		}
	}
	return false
}

// shortOptions are curl's letters by their long names.
var shortOptions = map[byte]string{
	'X': "--request", 'H': "--header", 'd': "--data", 'u': "--user", 'A': "--user-agent", 'e': "--referer", 'b': "--cookie", 'o': "--output",
	'm': "--max-time", 'x': "--proxy", 'E': "--cert", 'w': "--write-out", 'G': "--get", 'I': "--head", 's': "--silent", 'S': "--show-error",
	'k': "--insecure", 'L': "--location", 'v': "--verbose", 'i': "--include", 'f': "--fail", 'g': "--globoff", 'N': "--no-buffer", '4': "--ipv4", '6': "--ipv6",
}

// takesValue are the options with a value; those that set does not know are passed over with it.
var takesValue = words("--request --header --data --data-ascii --data-binary --data-raw --data-urlencode --json --user --user-agent --referer --cookie --url " +
	"--output --max-time --proxy --cert --key --cacert --write-out --connect-timeout --resolve --retry --oauth2-bearer")

var flags = words("--get --head --silent --show-error --insecure --location --verbose --include --fail --globoff --no-buffer --ipv4 --ipv6 " +
	"--compressed --http1.1 --http2 --no-progress-meter --path-as-is --fail-with-body")

func words(text string) map[string]bool {
	m := map[string]bool{}
	for word := range strings.FieldsSeq(text) {
		m[word] = true
	}
	return m
}

// shellWords parts a line as a POSIX shell does: quotes, backslashes, lines that go on.
func shellWords(line string) ([]string, error) {
	s := shell{text: strings.ReplaceAll(line, "\r\n", "\n")}
	for s.at < len(s.text) {
		if err := s.next(); err != nil {
			return nil, err
		}
	}
	s.end()
	return s.words, nil
}

type shell struct {
	text  string
	at    int
	word  strings.Builder
	begun bool // a word may be empty: ''
	words []string
}

func (s *shell) end() {
	if s.begun {
		s.words = append(s.words, s.word.String())
	}
	s.word.Reset()
	s.begun = false
}

func (s *shell) next() error {
	c := s.text[s.at]
	s.at++
	switch c {
	case ' ', '\t', '\n':
		s.end()
	case '\'':
		return s.until('\'')
	case '"':
		return s.until('"')
	case '\\':
		s.escape("")
	case '$':
		if strings.HasPrefix(s.text[s.at:], "'") { // $'...', as browsers copy it
			s.at++
			return s.until('$')
		}
		s.put(c)
	default:
		s.put(c)
	}
	return nil
}

func (s *shell) put(c byte) {
	s.begun = true
	s.word.WriteByte(c)
}

// until reads to the closing quote; '$' stands for the kind that knows \n and \t.
func (s *shell) until(quote byte) error {
	s.begun = true
	last := quote
	if quote == '$' {
		last = '\''
	}
	for s.at < len(s.text) {
		c := s.text[s.at]
		s.at++
		switch {
		case c == last:
			return nil
		case c == '\\' && quote == '"':
			s.escape("$`\"\\\n")
		case c == '\\' && quote == '$':
			s.ansi()
		default:
			s.word.WriteByte(c)
		}
	}
	return refuse("A quotation mark is not closed.")
}

// escape takes the character after a backslash; only those in among, if any are named, lose the backslash. A line that
// ends in one goes on.
func (s *shell) escape(among string) {
	if s.at >= len(s.text) {
		return
	}
	c := s.text[s.at]
	s.at++
	switch {
	case c == '\n' && (among == "" || strings.IndexByte(among, c) >= 0):
		return
	case among != "" && strings.IndexByte(among, c) < 0:
		s.put('\\')
	}
	s.put(c)
}

func (s *shell) ansi() {
	if s.at >= len(s.text) {
		return
	}
	c := s.text[s.at]
	s.at++
	if plain, ok := map[byte]byte{'n': '\n', 't': '\t', 'r': '\r'}[c]; ok {
		c = plain
	}
	s.word.WriteByte(c)
}
