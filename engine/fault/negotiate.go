package fault

import (
	"mime"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/engine/condition"
)

// choose is the template for a caller: what it accepts decides (RFC 9110 section
// 12.5.1), then what it sent (reference 3.9); JSON where neither says anything.
// A caller of the one language gets nothing of the other.
func (fr *Frames) choose(q *condition.Request) *program {
	if fr == nil {
		return nil
	}
	asJSON, asXML := accepted(field(q, "Accept"))
	if asJSON == asXML {
		asJSON, asXML = spoken(field(q, "Content-Type"))
	}
	switch {
	case asXML > asJSON:
		return fr.xml
	case asJSON > asXML, fr.json != nil:
		return fr.json
	}
	return fr.xml
}

// spoken is what the content type of the request says.
func spoken(contentType string) (asJSON, asXML float64) {
	switch k, known := kindOf(contentType); {
	case contentType == "" || !known:
	case k == inJSON:
		return 1, 0
	case k == inXML:
		return 0, 1
	}
	return 0, 0
}

// accepted are the weights of JSON and XML in an Accept field. Only types that
// are named count: */* is what every client sends.
func accepted(field string) (asJSON, asXML float64) {
	for part := range strings.SplitSeq(field, ",") {
		t, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		q, err := strconv.ParseFloat(params["q"], 64)
		if params["q"] == "" || err != nil {
			q = 1
		}
		switch k, known := kindOf(t); {
		case known && k == inJSON:
			asJSON = max(asJSON, q)
		case known && k == inXML:
			asXML = max(asXML, q)
		}
	}
	return asJSON, asXML
}
