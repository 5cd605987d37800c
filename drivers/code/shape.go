package code

import (
	"strings"
)

func (r *rule) parsePatient(n node) error {
	p := &patientShape{dateFormat: "2006-01-02"}
	r.patient = p
	return n.fields(map[string]func(node) error{
		"identifier": func(n node) error { return n.each(p.parseIdentifier) },
		"name":       func(n node) error { return n.each(p.parseName) },
		"birthDate":  p.parseBirthDate,
		"gender":     p.parseGender,
		"address":    intoTemplate(&p.address),
	})
}

func (p *patientShape) parseIdentifier(n node) error {
	var id identifierShape
	err := n.fields(map[string]func(node) error{
		"use":    oneOf(&id.use, "usual", "official", "temp", "secondary", "old"),
		"type":   into(&id.typeCode),
		"text":   into(&id.typeText),
		"system": into(&id.system),
		"value":  intoTemplate(&id.value),
	}, "system", "value")
	p.identifiers = append(p.identifiers, id)
	return err
}

func (p *patientShape) parseName(n node) error {
	var name nameShape
	err := n.fields(map[string]func(node) error{
		"use":      oneOf(&name.use, "usual", "official", "old", "maiden"),
		"language": into(&name.language),
		"text":     intoTemplate(&name.text),
		"family":   intoTemplate(&name.family),
		"given": func(n node) error {
			return n.each(func(n node) error {
				var t template
				err := intoTemplate(&t)(n)
				name.given = append(name.given, t)
				return err
			})
		},
	})
	p.names = append(p.names, name)
	return err
}

// parseBirthDate takes a template for YYYY-MM-DD, or one with its format.
func (p *patientShape) parseBirthDate(n node) error {
	if n.Value != "" {
		return intoTemplate(&p.birthDate)(n)
	}
	return n.fields(map[string]func(node) error{
		"value": intoTemplate(&p.birthDate),
		"format": func(n node) error {
			s, err := n.text()
			if err != nil {
				return err
			}
			for _, part := range []string{"YYYY", "MM", "DD"} {
				if strings.Count(s, part) != 1 {
					return n.errorf("want a date format of YYYY, MM and DD, such as DDMMYYYY")
				}
			}
			if strings.ContainsAny(strings.NewReplacer("YYYY", "", "MM", "", "DD", "").Replace(s), "0123456789YMD") {
				return n.errorf("want a date format of YYYY, MM and DD, such as DDMMYYYY")
			}
			p.dateFormat = strings.NewReplacer("YYYY", "2006", "MM", "01", "DD", "02").Replace(s)
			return nil
		},
	}, "value", "format")
}

// parseGender takes a template for a FHIR gender, or one with a map to it.
func (p *patientShape) parseGender(n node) error {
	if n.Value != "" {
		return intoTemplate(&p.gender)(n)
	}
	return n.fields(map[string]func(node) error{
		"value": intoTemplate(&p.gender),
		"map": func(n node) error {
			p.genderMap = map[string]string{}
			handle := map[string]func(node) error{}
			for i := 0; i+1 < len(n.Content); i += 2 {
				key := node{n.Content[i], n.file}
				if _, err := key.text(); err != nil {
					return err
				}
				handle[key.Value] = func(n node) error {
					var to string
					err := oneOf(&to, "male", "female", "other", "unknown")(n)
					p.genderMap[key.Value] = to
					return err
				}
			}
			return n.fields(handle)
		},
	}, "value", "map")
}
