// Package condition owns the query builder's tree (reference 4, D11): its JSON
// form, what makes it valid, its compilation to closures over a request, the
// sentence that it reads as, and the trace that shows what every rule saw. It
// knows neither policies nor net/http.
package condition
