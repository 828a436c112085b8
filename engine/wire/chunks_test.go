package wire

import (
	"bufio"
	"bytes"
	"io"
	"net/http/httputil"
	"strings"
	"testing"
	"testing/iotest"
)

// What is read here net/http's reader must read the same way, to the same byte; and what
// it refuses must be refused here: a body that two readers end in different places is how
// requests are smuggled.
func FuzzChunksAreReadAsNetHTTPReadsThem(f *testing.F) {
	for _, text := range goodChunks {
		f.Add([]byte(text), uint8(7))
	}
	for _, text := range badChunks {
		f.Add([]byte(text), uint8(1))
	}
	f.Fuzz(func(t *testing.T, raw []byte, at uint8) {
		theirIn := bufio.NewReaderSize(bytes.NewReader(raw), maxHead)
		theirs, theirErr := io.ReadAll(httputil.NewChunkedReader(theirIn))
		theirRest, _ := io.ReadAll(theirIn)
		for name, from := range map[string]io.Reader{"whole": bytes.NewReader(raw), "in bytes": iotest.OneByteReader(bytes.NewReader(raw))} {
			in := bufio.NewReaderSize(from, maxHead)
			c := &chunks{in: in}
			var got []byte
			var err error
			for part := make([]byte, int(at)+1); err == nil; {
				var n int
				if n, err = c.Read(part); n == 0 && err == nil {
					t.Fatal("neither data nor an error")
				}
				got = append(got, part[:n]...)
			}
			if err != io.EOF {
				if n, again := c.Read(make([]byte, 1)); n > 0 || again != err {
					t.Error("the failure is forgotten")
				}
				if theirErr == nil && !stricter(raw) {
					t.Fatalf("%s: %v, but net/http takes it", name, err)
				}
				continue
			}
			if theirErr != nil || !bytes.Equal(got, theirs) {
				t.Fatalf("%s: read %q, net/http %q, %v", name, got, theirs, theirErr)
			}
			rest, _ := io.ReadAll(in)
			if !bytes.Equal(rest, theirRest) {
				t.Fatalf("%s: left %q, net/http %q", name, rest, theirRest)
			}
		}
	})
}

// stricter tells whether a body may have what net/http takes and we do not: extensions
// with control characters, sizes beyond maxChunk, lines of just maxChunkLine.
func stricter(raw []byte) bool {
	for _, b := range raw {
		if !textByte[b] && b != '\r' && b != '\n' {
			return true
		}
	}
	return len(raw) > 4000 || bytes.ContainsAny(raw, ";") && bytes.Contains(raw, []byte("\r"))
}

var goodChunks = []string{
	"0\r\n", "5\r\nhello\r\n0\r\n\r\n", "1\r\na\r\n1\r\nb\r\n0\r\n", "000a\r\n0123456789\r\n0\r\nX-A: 1\r\n\r\n", "A \t\r\n0123456789\r\n0 \r\n",
	"5;a=b\r\nhello\r\n0;c=\"d\"\r\n", "3\r\n\r\n0\r\n0\r\nGET / HTTP/1.1\r\n",
}

var badChunks = map[string]string{
	"nothing":                             "",
	"no size":                             "\r\nhello",
	"a sign":                              "+5\r\nhello\r\n0\r\n\r\n",
	"a negative size":                     "-1\r\nhello\r\n0\r\n\r\n",
	"a prefix":                            "0x5\r\nhello\r\n0\r\n\r\n",
	"an underscore":                       "1_0\r\nhello\r\n0\r\n\r\n",
	"a blank before the size":             " 5\r\nhello\r\n0\r\n\r\n",
	"a blank in the size":                 "1 0\r\nhello\r\n0\r\n\r\n",
	"a blank before an extension":         "5 ;a\r\nhello\r\n0\r\n\r\n",
	"a bare line feed after a size":       "5\nhello\r\n0\r\n\r\n",
	"a bare line feed after a chunk":      "5\r\nhello\n0\r\n\r\n",
	"a bare line feed after the last":     "5\r\nhello\r\n0\n\r\n",
	"a bare line feed in an extension":    "5;a\nb\r\nhello\r\n0\r\n\r\n",
	"a carriage return in an extension":   "5;a\rb\r\nhello\r\n0\r\n\r\n",
	"a carriage return before the end":    "5\r\r\nhello\r\n0\r\n\r\n",
	"a control character in one":          "5;a\x00\r\nhello\r\n0\r\n\r\n",
	"a chunk that is longer":              "5\r\nhello!\r\n0\r\n\r\n",
	"a chunk that is shorter":             "5\r\nhell\r\n0\r\n\r\n",
	"a size beyond 64 bits":               "fffffffffffffffff\r\nhello",
	"a size that is negative as a number": "ffffffffffffffff\r\nhello",
	"a size beyond what can be":           "7fffffffffffffff\r\nhello",
	"a size without an end":               strings.Repeat("0", 9000) + "5\r\nhello\r\n0\r\n",
	"a line without an end":               "5;" + strings.Repeat("a", 9000) + "\r\nhello\r\n0\r\n",
	"waste without an end":                strings.Repeat("1;"+strings.Repeat("a", 1000)+"\r\na\r\n", 100) + "0\r\n",
	"a cut size":                          "5",
	"a cut line":                          "5\r",
	"a cut chunk":                         "5\r\nhel",
	"a cut end":                           "5\r\nhello\r",
	"no last chunk":                       "5\r\nhello\r\n",
}

func TestChunksAreRead(t *testing.T) {
	t.Parallel()
	for _, text := range goodChunks {
		if _, err := io.ReadAll(&chunks{in: bufio.NewReader(strings.NewReader(text))}); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAttackChunksThatOthersMayReadInAnotherWay(t *testing.T) {
	t.Parallel()
	for name, text := range badChunks {
		if got, err := io.ReadAll(&chunks{in: bufio.NewReaderSize(strings.NewReader(text), maxHead)}); err == nil {
			t.Errorf("%s: read %q", name, got)
		}
	}
}

func TestTrailersOfARequestAreDropped(t *testing.T) {
	t.Parallel()
	for text, whole := range map[string]bool{
		"\r\nrest": true, "X-A: 1\r\n\r\nrest": true, "X-A: 1\r\nx-b:\r\n\r\nrest": true,
		"\nrest": false, "X-A: 1\n\r\nrest": false, "X-A: 1\r\n\nrest": false, " X-A: 1\r\n\r\nrest": false, "X-A : 1\r\n\r\nrest": false, "X-A\r\n\r\nrest": false,
		"X-A: a\rb\r\n\r\nrest": false, "X-A: 1\r\n 2\r\n\r\nrest": false, "": false, "X-A: 1\r\n": false,
		strings.Repeat("X-A: 1\r\n", 2000) + "\r\nrest": false, "X-A: " + strings.Repeat("a", 9000) + "\r\n\r\nrest": false,
	} {
		in := bufio.NewReaderSize(strings.NewReader(text), maxHead)
		err := skipTrailers(in)
		rest, _ := io.ReadAll(in)
		if (err == nil) != whole || whole && string(rest) != "rest" {
			t.Errorf("%.40q: left %.20q, %v", text, rest, err)
		}
	}
}

// A part that has come must be passed on before the next one is waited for.
func TestChunksDoNotWaitWithWhatHasCome(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"2\r\nhi", "2\r\nhi\r", "2\r\nhi\r\n", "2\r\nhi\r\n3", "2\r\nhi\r\n3\r", "2\r\nhi\r\n3\r\n"} {
		in := bufio.NewReader(io.MultiReader(strings.NewReader(text), endless{t}))
		c := &chunks{in: in}
		part := make([]byte, 100)
		if n, err := c.Read(part); string(part[:n]) != "hi" || err != nil || !c.waits() {
			t.Errorf("%q: %q, %v, waits %v", text, part[:n], err, c.waits())
		}
	}
}

// endless is what nobody may read.
type endless struct{ t *testing.T }

func (e endless) Read([]byte) (int, error) {
	e.t.Error("it waits")
	return 0, io.EOF
}
