import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport.IssueSeverity;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.gson.JsonParseException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;

/**
 * Validates JSON files as FHIR R4 (4.0.1), each against the definitions of its resources, without
 * a network. Prints one line of JSON for each issue; a good file has none above "warning".
 */
class Fhir {
    public static void main(String[] files) throws Exception {
        FhirContext context = FhirContext.forR4();
        // A code system that nobody here has (LOINC, our own) is a warning, not an error.
        var unknown = new UnknownCodeSystemWarningValidationSupport(context);
        unknown.setNonExistentCodeSystemSeverity(IssueSeverity.WARNING);
        var known = new ValidationSupportChain(
                new DefaultProfileValidationSupport(context),
                new InMemoryTerminologyServerValidationSupport(context),
                new CommonCodeSystemsTerminologyService(context),
                new SnapshotGeneratingValidationSupport(context),
                unknown);
        FhirValidator validator = context.newValidator();
        validator.registerValidatorModule(new FhirInstanceValidator(known));

        var out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        var json = new ObjectMapper();
        for (String file : files) {
            String text = Files.readString(Path.of(file), StandardCharsets.UTF_8);
            for (SingleValidationMessage said : look(validator, text)) {
                Map<String, String> line = new LinkedHashMap<>();
                line.put("file", file);
                line.put("severity", said.getSeverity().getCode());
                line.put("at", said.getLocationString());
                line.put("says", said.getMessage());
                out.println(json.writeValueAsString(line));
            }
        }
    }

    private static List<SingleValidationMessage> look(FhirValidator validator, String text) {
        try {
            return validator.validateWithResult(text).getMessages();
        } catch (JsonParseException error) {
            var said = new SingleValidationMessage();
            said.setSeverity(ResultSeverityEnum.FATAL);
            said.setLocationString("");
            said.setMessage("no JSON: " + error.getMessage());
            return List.of(said);
        }
    }
}
