package ui

// PageOf is where a list of total rows stands that shows some of them, on the
// page of that number (from 1) with at most size rows. The address of another
// page comes from href. A page past the end leads back to the last one.
func PageOf(page, size, shown, total int, one, many string, href func(page int) string) Page {
	p := Page{Total: total, Noun: many}
	if total == 1 {
		p.Noun = one
	}
	if shown > 0 {
		p.From = (page-1)*size + 1
		p.To = p.From + shown - 1
	}
	if page > 1 {
		last := max((total+size-1)/size, 1)
		p.Prev = href(min(page-1, last))
	}
	if page*size < total {
		p.Next = href(page + 1)
	}
	return p
}
