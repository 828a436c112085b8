package conditions

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/problem"
)

// What the buttons of the form ask for; those about a rule have its path after a colon.
const (
	changePrefix = "condition"
	addRule      = "condition.add-rule"
	addGroup     = "condition.add-group"
	remove       = "condition.remove"
	moveUp       = "condition.up"
	moveDown     = "condition.down"
	placeAt      = "condition.place" // path:group:index, as the pointer drops it
	toJSON       = "condition.to-json"
	toRows       = "condition.to-rows"
	testIt       = "condition.test"
)

func itoa(i int) string { return strconv.Itoa(i) }

func atoi(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}

// Changes tells whether the button called what is one of the condition's.
func Changes(what string) bool { return strings.HasPrefix(what, changePrefix+".") }

// Change does what a button asks for. It reports false for a button that is not the condition's.
func Change(v map[string]string, what string) bool {
	if !Changes(what) {
		return false
	}
	d := readDraft(v)
	what, path, _ := strings.Cut(what, ":")
	focus := ""
	switch what {
	case addRule:
		focus = d.add(path, newRule())
	case addGroup:
		focus = d.add(path, node{criteria: string(condition.Or), rules: []node{newRule()}})
	case remove:
		focus = d.remove(path)
	case moveUp:
		focus = d.step(path, -1)
	case moveDown:
		focus = d.step(path, 1)
	case placeAt:
		d.drop(path)
	case toJSON:
		focus = d.writeJSON()
	case toRows:
		focus = d.readJSON()
	case testIt:
		takeCurl(v)
		return true
	}
	d.into(v)
	v[focusField] = focus
	return true
}

// add puts a node at the end of a group and gives the control to go on with.
func (d *draft) add(path string, n node) string {
	g, ok := d.root.at(path)
	if !ok || !g.group() || d.root.all()+1+n.all() > condition.MaxRules {
		return ""
	}
	at := child(path, len(g.rules))
	g.rules = append(g.rules, n)
	if n.group() {
		at = child(at, 0)
	}
	return fieldName(at, "first")
}

// split parts a path into its group's and its place there.
func split(path string) (group string, i int) {
	if at := strings.LastIndexByte(path, '.'); at >= 0 {
		return path[:at], atoi(path[at+1:])
	}
	return "", atoi(path)
}

// find is the group of a node and its place in it.
func (d *draft) find(path string) (g *node, group string, i int, ok bool) {
	group, i = split(path)
	g, ok = d.root.at(group)
	ok = ok && g.group() && i >= 0 && i < len(g.rules)
	return g, group, i, ok
}

// remove takes a node away, and with the last one of a group the group.
func (d *draft) remove(path string) string {
	g, group, i, ok := d.find(path)
	if !ok {
		return ""
	}
	g.rules = slices.Delete(g.rules, i, i+1)
	if len(g.rules) == 0 {
		if group != "" {
			return d.remove(group)
		}
		d.root.criteria = string(condition.And)
		return fieldName("", "add-rule")
	}
	return fieldName(child(group, min(i, len(g.rules)-1)), "remove")
}

// step moves a node by one place: past a rule, into the group beside it, and at the end of its own group out of it.
// So every place can be got to without a pointer.
func (d *draft) step(path string, by int) string {
	g, group, i, ok := d.find(path)
	if !ok {
		return ""
	}
	switch to := i + by; {
	case to < 0 || to >= len(g.rules):
		if group != "" {
			outer, at := split(group)
			path = d.move(path, outer, at+max(by, 0))
		}
	case g.rules[to].group():
		end := 0
		if by < 0 {
			end = len(g.rules[to].rules)
		}
		path = d.move(path, child(group, to), end)
	default:
		g.rules[i], g.rules[to] = g.rules[to], g.rules[i]
		path = child(group, to)
	}
	return fieldName(path, d.onward(path, by))
}

// onward is the button to go on with: the same one, or at an end of everything the other.
func (d *draft) onward(path string, by int) string {
	last := itoa(len(d.root.rules) - 1)
	if path != last && (by > 0 || path == "0") {
		return "down"
	}
	return "up"
}

// move takes the node at path out and puts it into the group at to before the place i, both as they are before the
// move. It gives the new path. A group that is left without rules goes.
func (d *draft) move(path, to string, i int) string {
	from, _, at, ok := d.find(path)
	target, there := d.root.at(to)
	if !ok || !there || !target.group() || i < 0 || i > len(target.rules) || to == path || strings.HasPrefix(to, path+".") {
		return path
	}
	moved := from.rules[at]
	from.rules[at] = node{criteria: hole}
	moved.moved = true
	target.rules = slices.Insert(target.rules, i, moved)
	d.root.fill()
	path = d.root.settle("")
	return path
}

// hole is where a moved node was.
const hole = "hole"

// fill closes holes and drops groups that were left without rules.
func (n *node) fill() {
	for i := range n.rules {
		had := len(n.rules[i].rules) > 0
		n.rules[i].fill()
		if had && len(n.rules[i].rules) == 0 {
			n.rules[i] = node{criteria: hole}
		}
	}
	n.rules = slices.DeleteFunc(n.rules, func(r node) bool { return r.group() && r.criteria == hole })
}

// settle finds the moved node and gives its path.
func (n *node) settle(path string) string {
	for i := range n.rules {
		r := &n.rules[i]
		at := child(path, i)
		if r.moved {
			r.moved = false
			return at
		}
		if found := r.settle(at); found != "" {
			return found
		}
	}
	return ""
}

// drop is a move as the pointer asks for it: path:group:index.
func (d *draft) drop(text string) {
	parts := strings.Split(text, ":")
	if len(parts) == 3 {
		d.move(parts[0], parts[1], atoi(parts[2]))
	}
}

func (d *draft) writeJSON() string {
	c, _ := d.condition()
	if !d.asJSON {
		c.Normalize()
		d.asJSON, d.text = true, encode(c)
	}
	return jsonField
}

// readJSON goes back to rows where the text can be read as some condition; what is wrong with its rules is said there.
func (d *draft) readJSON() string {
	c, problems := d.condition()
	if len(problems) > 0 {
		return jsonField
	}
	c.Normalize()
	if l := bounds(c); len(l) > 0 {
		return jsonField
	}
	*d = draft{root: fromRules(c.Rules)}
	return fieldName("", "to-json")
}

// bounds are the problems that rows cannot show, because they would not hold the condition.
func bounds(c condition.Condition) problem.List {
	rules, deep := 0, false
	c.Walk(func(path string, _ *condition.Rule) {
		rules++
		deep = deep || strings.Count(path, "conditionRuleList") > condition.MaxDepth
	})
	if rules > condition.MaxRules || deep {
		return c.Validate()
	}
	return nil
}
