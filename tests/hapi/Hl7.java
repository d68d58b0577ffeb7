import ca.uhn.hl7v2.DefaultHapiContext;
import ca.uhn.hl7v2.HL7Exception;
import ca.uhn.hl7v2.model.GenericMessage;
import ca.uhn.hl7v2.model.Group;
import ca.uhn.hl7v2.model.Message;
import ca.uhn.hl7v2.model.Segment;
import ca.uhn.hl7v2.model.Structure;
import ca.uhn.hl7v2.parser.Parser;
import ca.uhn.hl7v2.parser.UnexpectedSegmentBehaviourEnum;
import ca.uhn.hl7v2.validation.impl.ValidationContextFactory;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Parses files of one HL7 v2 message each (ER7, UTF-8, segments ended by CR), with validation.
 * Prints one line of JSON for each file: the structure and the fields of the first segment of each
 * name, as they were understood; and what is wrong, which is null for a good message.
 */
class Hl7 {
    public static void main(String[] files) throws Exception {
        var context = new DefaultHapiContext();
        context.setValidationContext(ValidationContextFactory.defaultValidation());
        // By itself the parser takes a segment that has no place in the structure.
        context.getParserConfiguration()
                .setUnexpectedSegmentBehaviour(UnexpectedSegmentBehaviourEnum.THROW_HL7_EXCEPTION);
        Parser parser = context.getPipeParser();

        var out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        var json = new ObjectMapper();
        for (String file : files) {
            String text = Files.readString(Path.of(file), StandardCharsets.UTF_8);
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("file", file);
            line.put("error", null);
            try {
                Message message = parser.parse(text);
                Map<String, String> fields = new LinkedHashMap<>();
                List<String> absent = new ArrayList<>();
                look(message, fields, absent);
                line.put("structure", message.getName());
                line.put("fields", fields);
                if (message instanceof GenericMessage) {
                    line.put("error", "no structure of this name is known");
                } else if (!absent.isEmpty()) {
                    line.put("error", "required and absent: " + String.join(", ", absent));
                }
            } catch (HL7Exception error) {
                line.put("error", error.getMessage());
            }
            out.println(json.writeValueAsString(line));
        }
    }

    /** The parser does not ask for what is required: we do. */
    private static void look(Group group, Map<String, String> fields, List<String> absent)
            throws HL7Exception {
        for (String name : group.getNames()) {
            boolean any = false;
            for (Structure structure : group.getAll(name)) {
                if (structure.isEmpty()) {
                    continue;
                }
                any = true;
                if (structure instanceof Segment segment) {
                    look(segment, fields, absent);
                } else {
                    look((Group) structure, fields, absent);
                }
            }
            if (!any && group.isRequired(name)) {
                absent.add(name);
            }
        }
    }

    private static void look(Segment segment, Map<String, String> fields, List<String> absent)
            throws HL7Exception {
        // The first two of MSH are the separators themselves.
        for (int i = segment.getName().equals("MSH") ? 3 : 1; i <= segment.numFields(); i++) {
            List<String> repetitions = new ArrayList<>();
            for (var field : segment.getField(i)) {
                repetitions.add(field.encode());
            }
            String name = segment.getName() + "-" + i;
            String value = String.join("~", repetitions);
            if (!value.isEmpty()) {
                fields.putIfAbsent(name, value);
            } else if (segment.isRequired(i)) {
                absent.add(name);
            }
        }
    }
}
